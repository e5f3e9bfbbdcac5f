#include <fmt/format.h>

#include "engine/measure/statistics.h"
#include "plugins/analyses/common.h"

namespace vitrine::plugins {

namespace {

void hide_first(std::vector<float>& map, std::int64_t cols) {
  for (std::size_t i = 0; i < map.size(); i += static_cast<std::size_t>(cols)) map[i] = 0;
}

/// Mean entropy of the rows and mean mass on the first token.
void add_row_metrics(Report& report, const std::vector<float>& map, std::int64_t rows, std::int64_t cols, bool stochastic) {
  double h = 0, first = 0;
  for (std::int64_t r = 0; r < rows; ++r) {
    const std::span<const float> row(map.data() + r * cols, static_cast<std::size_t>(cols));
    if (stochastic) h += entropy(row) / static_cast<double>(rows);
    first += row[0] / static_cast<double>(rows);
  }
  if (stochastic) report.metrics.push_back({"entropy", h, "nats", {}});
  report.metrics.push_back({"mass on first token", first, "", {}});
}

Result<Report> attention(const AnalysisRequest& request) {
  VITRINE_TRY(const TowerInfo* tower, tower_of(request));
  const int layer = request.params["layer"], head = request.params["head"], batch = request.params["batch"];
  const bool cross = request.params["cross"];
  VITRINE_TRY(const MixerInfo* mixer, mixer_of(*tower, layer, cross));
  VITRINE_TRY(const auto run, request.workspace.with_edits(request.edits, request.progress));
  VITRINE_TRY(const auto map, map_of(*run, *mixer));
  if (batch < 0 || batch >= map->batch()) return fail(ErrorCode::Usage, fmt::format("batch {} does not exist; the input has {}", batch, map->batch()));
  VITRINE_TRY(std::vector<float> values, whole_map(*map, batch, head));
  Report report;
  report.picture = PictureKind::Matrix;
  report.title = head < 0 ? fmt::format("Mean over {} heads of layer {}", map->heads(), layer)
                          : fmt::format("{} {}", mixer->kind == "mamba" ? "Channel" : "Head", head_name(layer, head));
  describe_input(report, request.workspace, tower->prefix);
  const std::string key_tower = cross ? request.workspace.model().spec().towers.at(0).prefix : tower->prefix;
  if (cross)
    if (const TowerInput* t = tower_input(request.workspace, key_tower)) report.tokens = t->tokens;
  add_row_metrics(report, values, map->rows(), map->cols(), map->stochastic());
  if (request.params["hide_first"].get<bool>()) {
    hide_first(values, map->cols());
    report.notes["hidden"] = "the column of the first token is hidden";
  }
  report.arrays.push_back(make_array("pattern", map->stochastic() ? "probability" : "weight",
                                     {{"query", "", token_texts(request.workspace, tower->prefix, map->rows())}, {"key", "", token_texts(request.workspace, key_tower, map->cols())}},
                                     {map->rows(), map->cols()}, std::move(values)));
  report.notes["map"] = map->kind();
  report.verified = verify_map(*map, batch, head);
  return report;
}

Result<Report> difference(const AnalysisRequest& request) {
  VITRINE_TRY(Report edited, attention(request));
  AnalysisRequest plain{request.workspace, {}, request.params, request.progress, {}};
  VITRINE_TRY(const Report base, attention(plain));
  for (std::size_t i = 0; i < edited.arrays[0].values.size(); ++i) edited.arrays[0].values[i] -= base.arrays[0].values[i];
  edited.arrays[0].name = "difference";
  edited.title += ", edited minus unedited";
  edited.notes["scale"] = "diverging";
  for (std::size_t i = 0; i < edited.metrics.size() && i < base.metrics.size(); ++i) edited.metrics[i].before = base.metrics[i].value;
  return edited;
}

const std::vector<ParamInfo>& params() {
  static const std::vector<ParamInfo> list{tower_param(), int_param("layer", 0, "layer, from 0"), int_param("head", 0, "head, from 0; -1: mean over heads"),
                                           bool_param("cross", false, "cross attention instead of self attention"),
                                           bool_param("hide_first", false, "leave out the first token's column (attention sink)"),
                                           int_param("batch", 0, "which item of a batch")};
  return list;
}

}  // namespace

void register_attention(PluginRegistrar& registrar) {
  registrar.add(make_analysis({"attention", "Attention", "The exact map of one head: how much each output token takes from each input token.",
                               "Vaswani et al. 2017, arXiv:1706.03762; state spaces: arXiv:2403.01590", params()}, attention));
  registrar.add(make_analysis({"attention_difference", "Attention, difference to the unedited model", "The map of one head with the edits in force minus the one without.", "", params()}, difference));
}

}  // namespace vitrine::plugins
