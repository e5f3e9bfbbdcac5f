#include <cmath>

#include "engine/tensor/guard.h"
#include "engine/tensor/ops.h"
#include "plugins/analyses/common.h"

namespace vitrine::plugins {

namespace {

/// Attention rollout: the product over layers of residual x I + (1 - residual) x mean head pattern, rows renormalised.
Result<Report> rollout(const AnalysisRequest& request) {
  VITRINE_TRY(const TowerInfo* tower, tower_of(request));
  VITRINE_TRY(const auto run, request.workspace.with_edits(request.edits, request.progress));
  const auto reduction = request.params["head_reduction"].get<std::string>();
  const double residual = request.params["residual"];
  Tensor product;
  std::int64_t n = 0;
  for (const auto& m : tower->mixers) {
    VITRINE_CHECK(request.progress.step(static_cast<double>(m.layer) / tower->layers, m.site));
    VITRINE_TRY(const auto map, map_of(*run, m));
    if (!map->stochastic()) return fail(ErrorCode::Unsupported, "rollout needs maps whose rows sum to 1; " + m.site + " is " + map->kind());
    if (n != 0 && map->rows() != n) return fail(ErrorCode::Unsupported, "rollout needs the same tokens in every layer; this model merges them");
    n = map->rows();
    VITRINE_TRY(product, guard([&]() -> Result<Tensor> {
                  Tensor pattern;
                  for (int h = 0; h < map->heads(); ++h) {
                    VITRINE_TRY(const Tensor one, map->tile(0, h, 0, n, 0, n));
                    if (!pattern.defined()) pattern = one;
                    else pattern = reduction == "max" ? maximum(pattern, one) : reduction == "min" ? minimum(pattern, one) : pattern + one;
                  }
                  if (reduction == "mean") pattern = pattern / static_cast<double>(map->heads());
                  const Tensor identity = to(equal(unsqueeze(arange(n), 0), unsqueeze(arange(n), 1)), DType::F32);
                  Tensor mixed = identity * residual + pattern * (1 - residual);
                  mixed = mixed / sum(mixed, {-1}, true);
                  return product.defined() ? matmul(mixed, product) : mixed;
                }));
  }
  if (!product.defined()) return fail(ErrorCode::Unsupported, "the model has no attention to roll out");
  Report report;
  report.picture = PictureKind::Matrix;
  describe_input(report, request.workspace, tower->prefix);
  const auto texts = token_texts(request.workspace, tower->prefix, n);
  report.arrays.push_back(make_array("rollout", "probability", {{"query", "", texts}, {"key", "", texts}}, {n, n}, product.to_floats()));
  double worst = 0;
  if (auto off = guard([&] { return max_abs(sum(product, {-1}) - 1.0); })) worst = *off;
  report.verified = {"rows sum to 1", worst, 1e-4, worst < 1e-4};
  return report;
}

}  // namespace

void register_rollout(PluginRegistrar& registrar) {
  registrar.add(make_analysis({"rollout", "Attention rollout", "How much each output token takes from each input token through all layers.", "Abnar and Zuidema 2020, arXiv:2005.00928",
                               {tower_param(), choice_param("head_reduction", {"mean", "max", "min"}, "how the heads of a layer are joined"),
                                float_param("residual", 0.5, "share of the residual stream")}}, rollout));
}

}  // namespace vitrine::plugins
