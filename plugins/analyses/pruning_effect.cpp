#include <cmath>

#include <fmt/format.h>

#include "engine/compress/smaller.h"
#include "engine/compress/verify.h"
#include "engine/measure/statistics.h"
#include "plugins/analyses/common.h"

namespace vitrine::plugins {

namespace {

/// Above this many parameters the smaller model is not built for every change of the mask.
constexpr std::int64_t kBuildAtOnce = 200'000'000;

Status add_prediction(Report& report, const AnalysisRequest& request) {
  VITRINE_TRY(const auto base, request.workspace.base(request.progress));
  VITRINE_TRY(const auto run, request.workspace.with_edits(request.edits, request.progress));
  const auto now = prediction_of(request.workspace, *run, -1), before = prediction_of(request.workspace, *base, -1);
  if (!now || !before) {
    report.notes["prediction"] = "the model makes no predictions for this input";
    return {};
  }
  const auto p = log_softmax_of(now->logits), q = log_softmax_of(before->logits);
  report.metrics.push_back({"kl_divergence", kl_divergence(q, p), "nats", {}});
  Table table{"top predictions", {{now->what, "", 4}, {"probability", "", 4}, {"before", "", 4}, {"change", "", 3}}, {}};
  for (const auto i : top_indices(before->logits, 8)) {
    const auto at = static_cast<std::size_t>(i);
    table.rows.push_back({now->label(i), std::exp(p[at]), std::exp(q[at]), std::exp(p[at]) - std::exp(q[at])});
  }
  report.tables.push_back(std::move(table));
  report.timing_ms = run->milliseconds;
  return {};
}

Status add_evaluation(Report& report, const AnalysisRequest& request) {
  const auto set = request.workspace.eval_set();
  if (!set) return {};
  const std::int64_t limit = request.params["limit"];
  VITRINE_TRY(const EvalResult before, request.workspace.base_evaluation(limit, request.progress));
  VITRINE_TRY(const EvalResult now, evaluate(request.workspace.model(), **set, request.edits, request.progress, limit));
  if ((*set)->task == EvalSet::Task::LanguageModel) {
    report.metrics.push_back({"perplexity", now.perplexity, "", before.perplexity});
  } else {
    report.metrics.push_back({"accuracy", now.accuracy, "", before.accuracy});
    report.metrics.push_back({"correct", static_cast<double>(now.correct), fmt::format("of {}", now.items), static_cast<double>(before.correct)});
  }
  report.metrics.push_back({"mean_cross_entropy", now.mean_cross_entropy, "nats", before.mean_cross_entropy});
  report.notes["evaluation"] = fmt::format("{} items of {}", now.items, (*set)->name);
  return {};
}

/// Parameters, bytes and the time of the model that the mask would leave.
Status add_size(Report& report, const AnalysisRequest& request) {
  const Model& model = request.workspace.model();
  const double width = byte_size(model.dtype());
  const auto smaller = cut_out(model, request.edits);
  if (!smaller) {
    report.notes["size"] = smaller.error().message;
    return {};
  }
  const auto before = static_cast<double>(model.parameter_count()), now = request.edits.empty() ? before : static_cast<double>(smaller->parameters());
  report.metrics.push_back({"parameters", now, "", before});
  report.metrics.push_back({"bytes", now * width, "bytes", before * width});
  for (std::size_t i = 0; i < smaller->notes.size() && i < 3; ++i) report.notes[fmt::format("size {}", i)] = smaller->notes[i];
  if (!request.params["latency"].get<bool>() || !request.workspace.has_input() || model.parameter_count() > kBuildAtOnce) return {};
  VITRINE_TRY(const auto built, build_smaller(model, *smaller));
  VITRINE_TRY(const PairedTiming timing, time_in_turns(model, *built, request.workspace.input().tensors, model.parameter_count() > 20'000'000 ? 3 : 9, request.progress));
  report.metrics.push_back({"latency_ms", timing.second_ms, "ms", timing.first_ms});
  report.notes["latency"] = fmt::format("the cut model against the whole one, measured in turns, {} pairs; speed-up {:.2f} ({:.2f} to {:.2f})", timing.pairs, timing.ratio, timing.low, timing.high);
  return {};
}

Result<Report> effect(const AnalysisRequest& request) {
  Report report;
  report.picture = PictureKind::Table;
  report.title = request.edits.empty() ? "Nothing is switched off" : fmt::format("Effect of {} interventions", request.edits.size());
  report.subtitle = request.workspace.model().name();
  const auto tell = [&](double fraction) {
    if (!request.partial) return;
    report.id = "pruning_effect";
    report.fraction_done = fraction;
    request.partial(report);
  };
  if (request.workspace.has_input()) {
    VITRINE_CHECK(add_prediction(report, request));
    tell(0.2);
  }
  if (request.params["eval"].get<bool>()) {
    VITRINE_CHECK(add_evaluation(report, request));
    tell(0.6);
  }
  VITRINE_CHECK(add_size(report, request));
  report.fraction_done = 1;
  report.verified = {"masked and unmasked model both run for every number; size counted on the cut weights", -1, -1, true};
  return report;
}

}  // namespace

void register_pruning_effect(PluginRegistrar& registrar) {
  AnalysisInfo info{"pruning_effect", "Effect of the interventions", "What the edits in force do to predictions, to the evaluation set, and to size and speed.", "",
                    {bool_param("eval", true, "run the evaluation set"), bool_param("latency", true, "build and time the cut model"), int_param("limit", 0, "items of the evaluation set; 0: all")}};
  info.needs_input = false;
  registrar.add(make_analysis(std::move(info), effect));
}

}  // namespace vitrine::plugins
