#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "engine/tensor/guard.h"
#include "engine/tensor/ops.h"
#include "plugins/analyses/common.h"
#include "plugins/whitebox/coding_rate.h"

namespace vitrine::plugins {

namespace {

/// One measure of every layer and sample.
struct Samples {
  std::vector<std::vector<double>> of_layer;

  void add(std::size_t layer, const Tensor& per_sample) {
    if (of_layer.size() <= layer) of_layer.resize(layer + 1);
    for (float x : per_sample.to_floats()) of_layer[layer].push_back(x);
  }
  std::vector<float> means() const {
    std::vector<float> out;
    for (const auto& samples : of_layer) {
      double sum = 0;
      for (double x : samples) sum += x;
      out.push_back(static_cast<float>(sum / static_cast<double>(std::max<std::size_t>(1, samples.size()))));
    }
    return out;
  }
  /// Unbiased; 0 for one sample.
  std::vector<float> deviations() const {
    std::vector<float> out;
    const auto mean = means();
    for (std::size_t l = 0; l < of_layer.size(); ++l) {
      double sum = 0;
      for (double x : of_layer[l]) sum += (x - mean[l]) * (x - mean[l]);
      out.push_back(of_layer[l].size() < 2 ? 0 : static_cast<float>(std::sqrt(sum / static_cast<double>(of_layer[l].size() - 1))));
    }
    return out;
  }
};

struct Measured {
  Samples rate, nonzero;
  double worst = 0;   ///< largest relative difference of the two forms of the determinant
};

/// A model whose blocks are one shared projection per head and an ISTA step.
Result<const TowerInfo*> white_tower(const Model& model) {
  if (model.spec().towers.empty() || model.towers().empty()) return fail(ErrorCode::Unsupported, "the model has no layers");
  for (const auto& stage : model.spec().towers[0].stages)
    for (const auto& block : stage.blocks)
      if (block.sublayers.size() != 2 || block.sublayers[1].part.part != "ista")
        return fail(ErrorCode::Unsupported, "coding rate and sparsity are defined for CRATE (subspace attention and ISTA); this is " + model.spec().title);
  return &model.towers()[0];
}

Status measure(const Model& model, const TowerInfo& tower, std::map<std::string, Tensor> inputs, const EditList& edits, double eps, Measured& out, const Progress& progress) {
  RunRequest request{.inputs = std::move(inputs), .edits = edits, .capture_maps = false, .keep_residuals = false};
  for (const auto& m : tower.mixers) {
    request.taps.push_back(m.site + ".hook_q");
    request.taps.push_back(m.block + ".hook_resid_post");
  }
  VITRINE_TRY(const auto run, run_model(model, request, progress));
  return guard([&] {
    for (const auto& m : tower.mixers) {
      const auto q = run->taps.find(m.site + ".hook_q");
      if (q == run->taps.end()) continue;   // a dropped layer
      const auto layer = static_cast<std::size_t>(m.layer);
      const Tensor rate = coding_rate(q->second, eps);
      if (out.rate.of_layer.size() <= layer || out.rate.of_layer[layer].empty()) {
        const Tensor first = slice(q->second, 0, 0, 1);
        out.worst = std::max(out.worst, max_abs(coding_rate_by_tokens(first, eps) - slice(rate, 0, 0, 1)) / std::max(1.0, max_abs(slice(rate, 0, 0, 1))));
      }
      out.rate.add(layer, rate);
      out.nonzero.add(layer, nonzero_share(run->taps.at(m.block + ".hook_resid_post")));
    }
  });
}

Result<Report> white_box(const AnalysisRequest& request) {
  const Model& model = request.workspace.model();
  VITRINE_TRY(const TowerInfo* tower, white_tower(model));
  const double eps = request.params["eps_squared"];
  if (!(eps > 0)) return fail(ErrorCode::Usage, fmt::format("eps_squared must be above 0, came {}", eps));
  Measured measured;
  Report report;
  std::int64_t items = 1;
  if (request.params["on"] == "eval") {
    VITRINE_TRY(const auto set, request.workspace.eval_set());
    if (!set->pixel_values.defined()) return fail(ErrorCode::Unsupported, "the evaluation set of the model holds no images");
    items = set->items();
    for (std::int64_t i = 0; i < items; i += 50) {
      VITRINE_CHECK(request.progress.step(static_cast<double>(i) / static_cast<double>(items), "evaluation set"));
      VITRINE_TRY(const Tensor pixels, guard([&] { return slice(set->pixel_values, 0, i, std::min(items, i + 50)); }));
      VITRINE_CHECK(measure(model, *tower, {{"pixel_values", pixels}}, request.edits, eps, measured, {}));
    }
    report.subtitle = fmt::format("{} · {} images of its evaluation set", model.name(), items);
  } else {
    if (!request.workspace.has_input()) return fail(ErrorCode::InvalidInput, "there is no input yet; give one, or measure on the evaluation set");
    VITRINE_CHECK(measure(model, *tower, request.workspace.input().tensors, request.edits, eps, measured, request.progress));
    describe_input(report, request.workspace, tower->prefix);
  }
  report.picture = PictureKind::Curves;
  report.title = "Coding rate and sparsity";
  const auto rate = measured.rate.means(), nonzero = measured.nonzero.means(), rate_spread = measured.rate.deviations(), nonzero_spread = measured.nonzero.deviations();
  const auto layers = static_cast<std::int64_t>(rate.size());
  const Axis axis = layer_axis(static_cast<int>(layers));
  report.arrays.push_back(make_array("coding_rate", "nats", {axis}, {layers}, rate));
  report.arrays.push_back(make_array("nonzero_share", "share", {axis}, {layers}, nonzero));
  Table table{"layers", {{"layer", "", 4}, {"coding rate", "nats", 6}, {"deviation", "nats", 3}, {"non-zero share", "share", 4}, {"deviation of share", "share", 3}}, {}};
  for (std::size_t l = 0; l < rate.size(); ++l)
    table.rows.push_back({static_cast<double>(l), static_cast<double>(rate[l]), static_cast<double>(rate_spread[l]), static_cast<double>(nonzero[l]), static_cast<double>(nonzero_spread[l])});
  report.tables.push_back(std::move(table));
  report.notes["coding rate"] = fmt::format("R^c of U^T LN(Z) before attention, sum over heads, each token of length 1, eps² = {}; mean over {} inputs", eps, items);
  report.notes["non-zero share"] = "of the stream after each layer's ISTA step";
  report.verified = {"determinant by features against determinant by tokens, relative", measured.worst, 1e-9, measured.worst <= 1e-9};
  return report;
}

}  // namespace

void register_white_box(PluginRegistrar& registrar) {
  AnalysisInfo info{"white_box", "Coding rate and sparsity", "How far each layer of CRATE compresses its tokens, and how sparse it leaves them.", "Yu et al. 2023, arXiv:2306.01129, section 3.1",
                    {choice_param("on", {"input", "eval"}, "this input, or the mean over the evaluation set"), float_param("eps_squared", 0.01, "distortion, squared")}};
  info.needs_input = false;   // not on an evaluation set
  registrar.add(make_analysis(std::move(info), white_box));
}

}  // namespace vitrine::plugins
