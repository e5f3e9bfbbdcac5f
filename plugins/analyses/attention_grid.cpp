#include <algorithm>
#include <cmath>
#include <limits>

#include "plugins/analyses/common.h"

namespace vitrine::plugins {

namespace {

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
      float* cells = values.data() + (static_cast<std::int64_t>(m.layer) * shown + g) * r * c;
      std::fill(cells, cells + r * c, 0.F);
      const MixingMap& map = *it->second;
      const OverviewRequest part{0, map.rows(), 0, map.cols(), std::min(r, map.rows()), std::min(c, map.cols())};
      int counted = 0;
      for (int h = g * per; h < std::min(m.heads, (g + 1) * per); h += std::max(1, per / 4), ++counted) {
        VITRINE_TRY(const Overview one, map.overview(0, h, part, request.progress.silent()));
        // Maps of later stages may have fewer cells than the thumbnail; each then fills several.
        for (std::int64_t y = 0; y < r; ++y)
          for (std::int64_t x = 0; x < c; ++x) {
            const float v = one.most[static_cast<std::size_t>(y * one.rows / r * one.cols + x * one.cols / c)];
            cells[y * c + x] += per > 1 ? std::abs(v) : v;
          }
      }
      for (std::int64_t i = 0; i < r * c; ++i) cells[i] /= static_cast<float>(std::max(1, counted));
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
