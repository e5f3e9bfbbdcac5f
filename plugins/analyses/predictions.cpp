#include <cmath>

#include <fmt/format.h>

#include "engine/measure/statistics.h"
#include "plugins/analyses/common.h"

namespace vitrine::plugins {

namespace {

Result<Report> predictions(const AnalysisRequest& request) {
  VITRINE_TRY(const auto run, request.workspace.with_edits(request.edits, request.progress));
  VITRINE_TRY(const auto base, request.workspace.base(request.progress));
  const std::int64_t position = request.params["position"], k = std::max<std::int64_t>(1, request.params["k"].get<std::int64_t>());
  VITRINE_TRY(const Prediction now, prediction_of(request.workspace, *run, position));
  VITRINE_TRY(const Prediction before, prediction_of(request.workspace, *base, position));
  const auto p = log_softmax_of(now.logits), q = log_softmax_of(before.logits);
  Report report;
  report.picture = PictureKind::Table;
  report.title = "Predictions: " + now.what;
  describe_input(report, request.workspace, request.workspace.input().towers.empty() ? "" : request.workspace.input().towers[0].tower);
  Table table{"predictions", {{now.what, "", 4}, {"probability", "", 4}, {"before", "", 4}, {"change", "", 3}, {"logit", "", 5}, {"id", "", 8}}, {}};
  double total = 0;
  for (const double x : p) total += std::exp(x);
  for (const auto i : top_indices(now.logits, k)) {
    const auto at = static_cast<std::size_t>(i);
    table.rows.push_back({now.label(i), std::exp(p[at]), std::exp(q[at]), std::exp(p[at]) - std::exp(q[at]), static_cast<double>(now.logits[at]), static_cast<double>(i)});
  }
  report.tables.push_back(std::move(table));
  report.metrics.push_back({"kl_divergence", kl_divergence(q, p), "nats", {}});
  report.metrics.push_back({"top probability", std::exp(p[static_cast<std::size_t>(top_indices(now.logits, 1)[0])]), "", std::exp(q[static_cast<std::size_t>(top_indices(before.logits, 1)[0])])});
  report.notes["kl"] = "KL(unedited ‖ edited) of this prediction";
  report.verified = {"probabilities sum to 1", std::abs(total - 1), 1e-6, std::abs(total - 1) < 1e-6};
  report.timing_ms = run->milliseconds;
  return report;
}

}  // namespace

void register_predictions(PluginRegistrar& registrar) {
  registrar.add(make_analysis({"predictions", "Predictions", "The most likely outputs, with and without the edits in force.", "",
                               {int_param("k", 10, "how many"), int_param("position", -1, "token position; -1: the last")}}, predictions));
}

}  // namespace vitrine::plugins
