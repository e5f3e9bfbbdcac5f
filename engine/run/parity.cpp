#include "engine/run/parity.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include <fmt/format.h>

#include "engine/run/evaluate.h"
#include "engine/run/parity_case.h"
#include "engine/run/parity_files.h"
#include "engine/run/parity_run.h"
#include "engine/run/parity_ties.h"

namespace vitrine::engine {

namespace {

/// What a metric of case.json is in an evaluation.
std::optional<double> evaluated(const std::string& name, const EvalResult& result) {
  if (name == "n_correct") return static_cast<double>(result.correct);
  if (name == "n" || name == "windows" || name == "images") return static_cast<double>(result.items);
  if (name == "accuracy" || name == "top1_accuracy" || name == "next_token_accuracy" || name == "zero_shot_accuracy_62")
    return result.accuracy;
  if (name == "mean_cross_entropy" || name == "mean_nll" || name == "eval_loss_nats_per_token") return result.mean_cross_entropy;
  if (name == "perplexity") return result.perplexity;
  return {};
}

/// Counts are exact; means over the set differ in the last digits of float32.
double metric_tolerance(const std::string& name, double value) {
  if (name == "n_correct" || name == "n" || name == "windows" || name == "images") return 0;
  return name == "perplexity" ? 1e-5 * std::abs(value) : 1e-4;
}

/// Where codes are chosen, a near tie that rounding decides otherwise changes every later token of its window. The losses
/// of all other tokens must equal the reference one by one; those behind a near tie are taken from the reference before
/// the means are compared.
Status settle_near_ties(const Model& model, const ParityCase& on, const EvalSet& set, const std::string& label, EvalResult& result,
                        ParityReport& report, const Progress& progress) {
  if (model.codebooks().empty() || set.task != EvalSet::Task::LanguageModel) return {};
  VITRINE_TRY(const auto stored, read_host_tensors(on.folder / "eval.safetensors"));
  const auto reference = stored.find("nll");
  if (reference == stored.end()) return {};
  VITRINE_TRY(const TokenLosses own, token_losses(model, set, progress));
  const auto& wanted = reference->second.values;
  ParityRow row{label + "nll of every token", "evaluation set", ParityRow::State::Fail, 0, on.atol("nll"), {}};
  if (own.nll.size() != wanted.size()) {
    row.note = fmt::format("expected {} losses, came {}", wanted.size(), own.nll.size());
    report.rows.push_back(std::move(row));
    return {};
  }
  double sum = 0;
  std::int64_t open = 0, moved = 0;
  for (std::size_t t = 0; t < wanted.size(); ++t) {
    const double difference = std::abs(double{own.nll[t]} - wanted[t]);
    open += own.open[t];
    moved += own.open[t] && difference > row.allowed;
    sum += own.open[t] ? wanted[t] : own.nll[t];
    if (!own.open[t] && !(difference <= row.max_abs_diff)) row.max_abs_diff = difference;
  }
  row.note = fmt::format("{} codes chosen by less than {:g}; of the {} tokens behind them {} differ and are not compared", own.near_ties, kNearTie, open, moved);
  if (row.max_abs_diff <= row.allowed) row.state = ParityRow::State::Pass;
  report.rows.push_back(std::move(row));
  result.mean_cross_entropy = sum / static_cast<double>(wanted.size());
  result.perplexity = std::exp(result.mean_cross_entropy);
  return {};
}

Status compare_metrics(const Model& model, const ParityCase& on, const std::string& label, ParityReport& report,
                       const Progress& progress) {
  const auto metrics = on.about.value("metrics", nlohmann::json());
  std::error_code failed;
  if (!metrics.is_object()) return {};
  bool any = false;
  for (const auto& [name, value] : metrics.items()) {
    const bool known = value.is_number() && evaluated(name, EvalResult{}).has_value();
    any |= known;
    if (!known) report.not_compared.push_back(name);
  }
  if (!any || !std::filesystem::exists(on.folder / "eval.safetensors", failed)) return {};
  VITRINE_TRY(const auto set, open_eval_set(model));
  VITRINE_TRY(EvalResult result, evaluate(model, *set, {}, progress));
  VITRINE_CHECK(settle_near_ties(model, on, *set, label, result, report, progress));
  for (const auto& [name, value] : metrics.items()) {
    const auto ours = value.is_number() ? evaluated(name, result) : std::nullopt;
    if (!ours) continue;
    ParityRow row;
    row.name = label + "metric " + name;
    row.found = "evaluation set";
    row.max_abs_diff = std::abs(*ours - value.get<double>());
    row.allowed = metric_tolerance(name, value.get<double>());
    row.state = row.max_abs_diff <= row.allowed ? ParityRow::State::Pass : ParityRow::State::Fail;
    row.note = fmt::format("expected {:.7g}, came {:.7g}", value.get<double>(), *ours);
    report.rows.push_back(std::move(row));
  }
  return {};
}

/// Tensors over the evaluation set: the set is the input of a case of its own.
Status compare_eval_tensors(const Model& model, const ParityCase& on, const ParityVariant& variant, const ParityOptions& options,
                            ParityReport& report, const Progress& progress) {
  ParityVariant of_set{variant.label, variant.model, variant.config, {}};
  for (const auto& [name, tensor] : variant.expected)
    if (is_of_eval_set(name)) of_set.expected[name.starts_with("eval.") ? name.substr(5) : name] = tensor;
  if (of_set.expected.empty()) return {};
  const auto set = open_eval_set(model);
  if (!set) {
    for (const auto& [name, tensor] : of_set.expected)
      report.rows.push_back({"eval." + name, "", ParityRow::State::Unknown, -1, -1, sentence(set.error())});
    return {};
  }
  ParityCase eval{on.folder, on.about, {}, {}};
  if ((*set)->pixel_values) eval.inputs["pixel_values"] = to_host((*set)->pixel_values);
  if ((*set)->input_ids) eval.inputs["input_ids"] = to_host((*set)->input_ids);
  return ParityRun(model, eval, of_set, "", options, report.rows, true).go(progress, false);
}

/// Names of a grouped dump that belong to no group, and values over the evaluation set, are said, not skipped.
void list_leftovers(const ParityCase& on, const ParityVariant& variant, const std::vector<std::string>& groups,
                    ParityReport& report) {
  for (const auto& [name, tensor] : variant.expected) {
    const bool grouped = std::any_of(groups.begin(), groups.end(), [&](const std::string& g) { return name.starts_with(g); });
    if (!grouped) report.rows.push_back({name, "", ParityRow::State::Unknown, -1, -1, "no input of its group"});
  }
  (void)on;
}

Status check_variant(const ParityCase& on, const ParityVariant& variant, const ParityOptions& options,
                     ParityReport& report, const Progress& progress) {
  OpenOptions open;
  if (!variant.config.empty()) open.config = variant.config;
  VITRINE_TRY(const auto model, open_model(variant.model.string(), open, progress));
  report.model = variant.model.string();
  report.architecture = model->spec().architecture;
  const auto groups = on.groups();
  for (const std::string& group : groups)
    VITRINE_CHECK(ParityRun(*model, on, variant, group, options, report.rows).go(progress));
  list_leftovers(on, variant, groups, report);
  VITRINE_CHECK(compare_eval_tensors(*model, on, variant, options, report, progress));
  VITRINE_CHECK(compare_input_files(*model, on, variant, report));
  return compare_metrics(*model, on, variant.label.empty() ? "" : variant.label + "/", report, progress);
}

}  // namespace

bool ParityReport::passed() const {
  return !rows.empty() && std::all_of(rows.begin(), rows.end(), [](const ParityRow& row) { return row.state == ParityRow::State::Pass; });
}

double ParityReport::max_abs_diff() const {
  double worst = -1;
  for (const ParityRow& row : rows)
    if (!row.name.starts_with("metric") && row.allowed > 0) worst = std::max(worst, row.max_abs_diff);
  return worst;
}

Result<ParityReport> check_parity(const std::filesystem::path& folder, const ParityOptions& options,
                                  const Progress& progress) {
  const auto begin = std::chrono::steady_clock::now();
  VITRINE_TRY(const ParityCase on, read_parity_case(folder, progress));
  ParityReport report;
  const auto text = [&](const char* key) {
    const auto value = on.about.value(key, nlohmann::json());
    return value.is_string() ? value.get<std::string>() : std::string();
  };
  report.case_name = text("case").empty() ? folder.filename().string() : text("case");
  report.reference = text("library") + (text("version").empty() ? "" : " " + text("version"));
  for (const ParityVariant& variant : on.variants) {
    if (auto status = check_variant(on, variant, options, report, progress); !status) {
      // With several models in a case one that cannot be opened is a row, not the end.
      if (on.variants.size() == 1 || status.error().code == ErrorCode::Cancelled) return tl::unexpected(status.error());
      report.rows.push_back({variant.label, "", ParityRow::State::Fail, -1, -1, sentence(status.error())});
    }
  }
  report.timing_ms = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
  return report;
}

}  // namespace vitrine::engine
