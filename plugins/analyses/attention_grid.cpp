#include <algorithm>
#include <cmath>
#include <limits>

#include "plugins/analyses/common.h"

namespace vitrine::plugins {

namespace {

/// Largest absolute cell of each block, so that a single bright cell never vanishes.
void pool_into(const std::vector<float>& map, std::int64_t rows, std::int64_t cols, std::int64_t size_r, std::int64_t size_c, float* out) {
  std::fill(out, out + size_r * size_c, 0.F);
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t c = 0; c < cols; ++c) {
      float& cell = out[r * size_r / rows * size_c + c * size_c / cols];
      const float v = map[static_cast<std::size_t>(r * cols + c)];
      if (std::abs(v) > std::abs(cell)) cell = v;
    }
}

/// More maps than can be looked at (a state space has one a channel) are averaged in groups of neighbours.
constexpr int kMostThumbnails = 24;

Result<Report> grid(const AnalysisRequest& request) {
  VITRINE_TRY(const TowerInfo* tower, tower_of(request));
  VITRINE_TRY(const auto run, request.workspace.with_edits(request.edits, request.progress));
  const std::int64_t limit = std::clamp<std::int64_t>(request.params["size"].get<std::int64_t>(), 4, 512);
  const int heads = max_heads(*tower), shown = std::min(heads, kMostThumbnails);
  std::int64_t rows = 0, cols = 0;
  for (const auto& m : tower->mixers)
    if (auto it = run->maps.find(m.site); it != run->maps.end()) { rows = std::max(rows, it->second->rows()); cols = std::max(cols, it->second->cols()); }
  if (rows == 0) return fail(ErrorCode::Unsupported, "the model has no token mixer with a map for this input");
  const std::int64_t r = std::min(rows, limit), c = std::min(cols, limit);
  std::vector<float> values(static_cast<std::size_t>(tower->layers * shown * r * c), std::numeric_limits<float>::quiet_NaN());
  Report report;
  auto across = head_axis(shown);
  for (const auto& m : tower->mixers) {
    auto it = run->maps.find(m.site);
    if (it == run->maps.end()) continue;
    VITRINE_CHECK(request.progress.step(static_cast<double>(m.layer) / tower->layers, m.site));
    const int groups = std::min(m.heads, shown), per = (m.heads + groups - 1) / groups;
    for (int g = 0; g < groups; ++g) {
      std::vector<float> sum;
      int counted = 0;
      for (int h = g * per; h < std::min(m.heads, (g + 1) * per); h += std::max(1, per / 4), ++counted) {
        VITRINE_TRY(const auto one, whole_map(*it->second, 0, h));
        if (sum.empty()) sum.assign(one.size(), 0.F);
        for (std::size_t i = 0; i < one.size(); ++i) sum[i] += per > 1 ? std::abs(one[i]) : one[i];
      }
      for (auto& v : sum) v /= static_cast<float>(std::max(1, counted));
      pool_into(sum, it->second->rows(), it->second->cols(), r, c, values.data() + (static_cast<std::int64_t>(m.layer) * shown + g) * r * c);
    }
    if (per > 1) report.notes["groups"] = "each thumbnail is the mean magnitude of up to 4 of " + std::to_string(per) + " neighbouring channels";
  }
  if (report.notes.contains("groups")) across.name = "group of channels";
  report.picture = PictureKind::MatrixGrid;
  describe_input(report, request.workspace, tower->prefix);
  report.arrays.push_back(make_array("pattern", "probability", {layer_axis(tower->layers), std::move(across), {"query", "", {}}, {"key", "", {}}},
                                     {tower->layers, shown, r, c}, std::move(values)));
  if (r < rows || c < cols) report.notes["pooled"] = "cells are maxima over blocks of the " + std::to_string(rows) + " × " + std::to_string(cols) + " map";
  if (!tower->mixers.empty())
    if (auto it = run->maps.find(tower->mixers[0].site); it != run->maps.end()) report.verified = verify_map(*it->second, 0, 0);
  return report;
}

}  // namespace

void register_attention_grid(PluginRegistrar& registrar) {
  registrar.add(make_analysis({"attention_grid", "All heads", "Every head of every layer as a thumbnail.", "",
                               {tower_param(), int_param("size", 48, "cells a side at most; larger maps are pooled by maximum")}}, grid));
}

}  // namespace vitrine::plugins
