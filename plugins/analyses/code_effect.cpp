#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "engine/measure/statistics.h"
#include "plugins/analyses/codebooks.h"

namespace vitrine::plugins {

namespace {

/// Entries that are likely before or after, most likely after first.
std::vector<std::int64_t> entries_to_show(const std::vector<float>& before, const std::vector<float>& after, std::int64_t count) {
  std::vector<float> either(after.size());
  for (std::size_t i = 0; i < either.size(); ++i) either[i] = std::max(before[i], after[i]);
  auto shown = top_indices(either, count);
  std::stable_sort(shown.begin(), shown.end(), [&](auto a, auto b) { return after[static_cast<std::size_t>(a)] > after[static_cast<std::size_t>(b)]; });
  return shown;
}

std::vector<float> probabilities(const std::vector<double>& log_p) {
  std::vector<float> p;
  for (double x : log_p) p.push_back(static_cast<float>(std::exp(x)));
  return p;
}

Result<Report> code_effect(const AnalysisRequest& request) {
  VITRINE_TRY(const auto wanted, codebooks_of(request, false));
  const CodebookInfo& book = request.workspace.model().codebooks()[static_cast<std::size_t>(wanted[0])];
  VITRINE_TRY(const int code, code_of(request, book));
  VITRINE_TRY(const auto base, request.workspace.with_edits(request.edits, request.progress));
  const std::int64_t position = request.params["position"], tokens = base->outputs.contains("last_hidden_state") ? base->outputs.at("last_hidden_state").size(1) : 0;
  const std::int64_t at = position < 0 ? position + tokens : position;
  if (tokens > 0 && (at < 0 || at >= tokens)) return fail(ErrorCode::Usage, fmt::format("position {} is outside the {} tokens", position, tokens));
  const bool one = request.params["at"] == "position" && tokens > 0;
  EditList edits = request.edits;
  edits.push_back(force_edit(book, code, one ? at : -1));
  VITRINE_TRY(const auto forced, request.workspace.with_edits(edits, request.progress));
  VITRINE_TRY(const Prediction old, prediction_of(request.workspace, *base, position));
  VITRINE_TRY(const Prediction now, prediction_of(request.workspace, *forced, position));
  const auto log_q = log_softmax_of(old.logits), log_p = log_softmax_of(now.logits);
  const auto before = probabilities(log_q), after = probabilities(log_p);
  Report report;
  report.picture = PictureKind::Bars;
  report.title = fmt::format("{} with code {} of {} forced", now.what, code, codebook_title(book));
  report.title[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(report.title[0])));
  describe_input(report, request.workspace, "");
  Table table{"effect", {{"label", "", 4}, {"before", "probability", 4}, {"after", "probability", 4}, {"change", "", 3}, {"id", "", 8}}, {}};
  Axis axis{"token", "", {}};
  std::vector<float> shown_before, shown_after;
  for (const auto i : entries_to_show(before, after, std::clamp<std::int64_t>(request.params["count"].get<std::int64_t>(), 1, 200))) {
    const auto n = static_cast<std::size_t>(i);
    axis.labels.push_back(now.label(i));
    shown_before.push_back(before[n]);
    shown_after.push_back(after[n]);
    table.rows.push_back({now.label(i), static_cast<double>(before[n]), static_cast<double>(after[n]), static_cast<double>(after[n] - before[n]), static_cast<double>(i)});
  }
  const std::vector<std::int64_t> shape{static_cast<std::int64_t>(axis.labels.size())};
  report.arrays.push_back(make_array("forced", "probability", {axis}, shape, std::move(shown_after)));
  report.arrays.push_back(make_array("before", "probability", {axis}, shape, std::move(shown_before)));
  report.tables.push_back(std::move(table));
  report.metrics.push_back({"kl_divergence", kl_divergence(log_q, log_p), "nats", {}});
  report.metrics.push_back({"jensen_shannon", js_divergence(log_q, log_p), "nats", {}});
  report.notes["forced"] = one ? fmt::format("at position {} only", at) : "at every token";
  if (book.k > 1) report.notes["k"] = fmt::format("all {} codes of a token are replaced by this one", book.k);
  report.notes["kl"] = "KL(before ‖ forced) of this prediction";
  double total = 0;
  for (float p : after) total += p;
  report.verified = {"a real pass with the code forced; its probabilities sum to 1", std::abs(total - 1), 1e-5, std::abs(total - 1) < 1e-5};
  report.timing_ms = forced->milliseconds;
  return report;
}

}  // namespace

void register_code_effect(PluginRegistrar& registrar) {
  AnalysisInfo info{"code_effect", "Effect of a code", "The next-token distribution before and after a code is forced.", "Tamkin et al. 2023, arXiv:2310.17230",
                    {codebook_param(false), int_param("code", 0, "number of the code"), int_param("position", -1, "token whose prediction is shown; -1: the last"),
                     choice_param("at", {"all", "position"}, "force the code at all tokens, or at that position only"), int_param("count", 20, "how many entries")}};
  info.needs_codebooks = true;
  registrar.add(make_analysis(std::move(info), code_effect));
}

}  // namespace vitrine::plugins
