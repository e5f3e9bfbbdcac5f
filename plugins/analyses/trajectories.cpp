#include <algorithm>

#include <fmt/format.h>

#include "engine/measure/statistics.h"
#include "engine/tensor/guard.h"
#include "engine/tensor/ops.h"
#include "plugins/analyses/common.h"

namespace vitrine::plugins {

namespace {

Result<Report> trajectories(const AnalysisRequest& request) {
  VITRINE_TRY(const TowerInfo* tower, tower_of(request));
  VITRINE_TRY(const auto run, request.workspace.with_edits(request.edits, request.progress));
  auto it = run->residuals.find(tower->prefix);
  if (it == run->residuals.end() || it->second.empty()) return fail(ErrorCode::Unsupported, "the run kept no residual stream");
  const auto& stream = it->second;
  for (const auto& x : stream)
    if (x.shape() != stream[0].shape()) return fail(ErrorCode::Unsupported, "this model merges tokens between stages; a token has no path through all layers");
  const std::int64_t points = static_cast<std::int64_t>(stream.size()), tokens = stream[0].size(1), width = stream[0].size(2);
  const int components = std::clamp<int>(request.params["components"], 1, 8);
  const bool normalised = request.params["normalise"];
  std::vector<float> rows;
  for (const auto& x : stream) {
    VITRINE_TRY(const auto values, guard([&] {
                  Tensor row = to(select(x, 0, 0), DType::F32);
                  if (normalised) row = row / clamp(norm(row, -1, true), 1e-12, 1e30);
                  return row.to_floats();
                }));
    rows.insert(rows.end(), values.begin(), values.end());
  }
  VITRINE_TRY(const Pca pca, guard([&] { return principal_components(rows, points * tokens, width, components); }));
  Report report;
  report.picture = PictureKind::Trajectories;
  describe_input(report, request.workspace, tower->prefix);
  Axis layers{"layer", "", {"embed"}};
  for (int l = 0; l < tower->layers; ++l) layers.labels.push_back(std::to_string(l));
  Axis axis{"component", "", {}};
  double explained = 0;
  for (int c = 0; c < components; ++c) {
    axis.labels.push_back(fmt::format("PC {}", c + 1));
    report.metrics.push_back({fmt::format("explained PC {}", c + 1), pca.explained[static_cast<std::size_t>(c)], "share", {}});
    report.notes[fmt::format("PC {}", c + 1)] = fmt::format("{:.1f} % of the variance", 100 * pca.explained[static_cast<std::size_t>(c)]);
    explained += pca.explained[static_cast<std::size_t>(c)];
  }
  report.arrays.push_back(make_array("trajectory", normalised ? "unit residual" : "residual", {layers, {"token", "", token_texts(request.workspace, tower->prefix, tokens)}, axis},
                                     {points, tokens, components}, pca.projected));
  report.notes["method"] = normalised ? "principal components of the residual stream, every token at unit length" : "principal components of the residual stream";
  report.verified = {fmt::format("the components shown hold {:.1f} % of the variance", 100 * explained), -1, -1, true};
  return report;
}

}  // namespace

void register_trajectories(PluginRegistrar& registrar) {
  registrar.add(make_analysis({"trajectories", "Token trajectories", "Where each token's residual stream goes through the layers, in three principal components.", "",
                               {tower_param(), int_param("components", 3, "principal components, 1 to 8; the scene shows three"), bool_param("normalise", true, "every residual vector at unit length, so that outlier layers do not hide the others")}}, trajectories));
}

}  // namespace vitrine::plugins
