#include "plugins/analyses/prune_plan.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/model/build.h"
#include "engine/tensor/guard.h"
#include "engine/tensor/ops.h"
#include "plugins/analyses/head_importance.h"

namespace vitrine::plugins {

namespace {

struct Neuron { int layer; std::int64_t index; double score; };

/// Inputs that neuron activity is measured on: the input in force, else the first items of the evaluation set.
Result<std::map<std::string, Tensor>> activity_inputs(const AnalysisRequest& request) {
  if (request.workspace.has_input()) return request.workspace.input().tensors;
  VITRINE_TRY(const auto set, request.workspace.eval_set());
  return guard([&] {
    std::map<std::string, Tensor> in;
    if (set->pixel_values.defined()) in["pixel_values"] = slice(set->pixel_values, 0, 0, std::min<std::int64_t>(64, set->pixel_values.size(0)));
    if (set->input_ids.defined()) in["input_ids"] = slice(set->input_ids, 0, 0, std::min<std::int64_t>(8, set->input_ids.size(0)));
    return in;
  });
}

Result<std::vector<Neuron>> rank_neurons(const AnalysisRequest& request, const TowerInfo& tower, std::size_t tower_index) {
  std::vector<std::string> taps, blocks;
  for (const auto& block : request.workspace.model().parts().built[tower_index].blocks) {
    blocks.push_back(block.path);
    if (tower.mlp_width[blocks.size() - 1] > 0) taps.push_back(block.path + ".mlp.hook_post");
  }
  VITRINE_TRY(const auto inputs, activity_inputs(request));
  VITRINE_TRY(const auto run, run_model(request.workspace.model(), {.inputs = inputs, .edits = request.edits, .taps = taps, .capture_maps = false, .keep_residuals = false}, request.progress));
  std::vector<Neuron> all;
  for (std::size_t l = 0; l < blocks.size(); ++l) {
    auto post = run->taps.find(blocks[l] + ".mlp.hook_post");
    auto out = request.workspace.model().parts().weights.find(blocks[l] + ".mlp.out.weight");
    if (post == run->taps.end() || out == request.workspace.model().parts().weights.end()) continue;
    VITRINE_TRY(const auto scores, guard([&] {
                  return (mean(abs(to(post->second, DType::F32)), {0, 1}) * norm(to(out->second, DType::F32), 0)).to_floats();
                }));
    for (std::size_t i = 0; i < scores.size(); ++i) all.push_back({static_cast<int>(l), static_cast<std::int64_t>(i), scores[i]});
  }
  std::stable_sort(all.begin(), all.end(), [](const Neuron& a, const Neuron& b) { return a.score < b.score; });
  return all;
}

std::size_t share(std::size_t n, double percent) { return static_cast<std::size_t>(std::llround(static_cast<double>(n) * std::clamp(percent, 0.0, 100.0) / 100)); }

}  // namespace

Result<PruneChoice> choose_by_percent(const AnalysisRequest& request, double percent_heads, double percent_neurons, const std::string& method, const std::string& on) {
  VITRINE_TRY(const TowerInfo* tower, tower_of(request));
  const auto tower_index = static_cast<std::size_t>(tower - request.workspace.model().towers().data());
  PruneChoice choice;
  Report& report = choice.report;
  report.picture = PictureKind::Table;
  describe_input(report, request.workspace, tower->prefix);
  Table heads{"heads", {{"head", "", 4}, {"importance", "", 4}}, {}}, neurons{"neurons", {{"layer", "", 3}, {"neurons removed", "", 6}, {"of", "", 6}}, {}};
  if (percent_heads > 0) {
    VITRINE_TRY(const HeadImportance found, head_importance(request, *tower, method, on, {}));
    auto order = ranking(found);
    std::reverse(order.begin(), order.end());
    order.resize(share(order.size(), percent_heads));
    std::sort(order.begin(), order.end());
    for (const auto& [l, h] : order) {
      heads.rows.push_back({head_name(l, h), static_cast<double>(found.importance[static_cast<std::size_t>(l * found.heads + h)])});
      VITRINE_TRY(const MixerInfo* mixer, mixer_of(*tower, l, false));
      const std::string site = mixer->site + ".hook_z";
      if (choice.edits.empty() || choice.edits.back().site != site) choice.edits.push_back({.site = site});
      choice.edits.back().heads.push_back(h);
    }
    report.notes["heads"] = found.how;
  }
  if (percent_neurons > 0) {
    VITRINE_TRY(auto all, rank_neurons(request, *tower, tower_index));
    all.resize(share(all.size(), percent_neurons));
    std::map<int, std::vector<std::int64_t>> by_layer;
    for (const auto& n : all) by_layer[n.layer].push_back(n.index);
    for (auto& [l, list] : by_layer) {
      const auto width = static_cast<std::size_t>(tower->mlp_width[static_cast<std::size_t>(l)]);
      if (list.size() >= width) list.resize(width - 1);   // a layer keeps at least its most active neuron
      std::sort(list.begin(), list.end());
      neurons.rows.push_back({static_cast<double>(l), static_cast<double>(list.size()), static_cast<double>(width)});
      choice.edits.push_back({.site = request.workspace.model().parts().built[tower_index].blocks[static_cast<std::size_t>(l)].path + ".mlp.hook_post", .neurons = list});
    }
    report.notes["neurons"] = "smallest mean |activation| × norm of the output column, over all layers";
  }
  if (!heads.rows.empty()) report.tables.push_back(std::move(heads));
  if (!neurons.rows.empty()) report.tables.push_back(std::move(neurons));
  report.text = edits_to_json(choice.edits).dump();
  report.verified = {"a choice, not a measurement; apply it to see its effect", -1, -1, true};
  return choice;
}

namespace {

std::vector<ParamInfo> plan_params() {
  std::vector<ParamInfo> params = importance_params();
  params[0].choices = {"gradient", "zero", "mean", "confidence"};
  params[0].fallback = "gradient";
  params.insert(params.begin(), {float_param("percent", 25, "share of the heads to take away"), float_param("percent_neurons", 0, "share of the MLP neurons to take away")});
  return params;
}

}  // namespace

void register_prune_plan(PluginRegistrar& registrar) {
  AnalysisInfo info{"prune_plan", "Pruning plan", "Which heads and neurons a given percentage takes away, least important first.", "Michel et al. 2019, arXiv:1905.10650", plan_params()};
  info.slow = true;
  info.needs_input = false;
  registrar.add(make_analysis(std::move(info), [](const AnalysisRequest& request) -> Result<Report> {
    VITRINE_TRY(PruneChoice choice, choose_by_percent(request, request.params["percent"], request.params["percent_neurons"], request.params["method"], request.params["on"]));
    choice.report.title = "Pruning plan";
    return std::move(choice.report);
  }));
}

}  // namespace vitrine::plugins
