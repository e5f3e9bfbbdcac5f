#include "plugins/analyses/induction.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>

#include <fmt/format.h>

#include "engine/tensor/guard.h"
#include "engine/tensor/ops.h"

namespace vitrine::plugins {

namespace {

/// Mean -log p of tokens begin .. end - 1, predicted from the token before each.
double loss_of(const Tensor& logits, const Tensor& ids, std::int64_t begin, std::int64_t end) {
  const std::int64_t n = ids.size(0) * (end - begin);
  return mean_all(to(cross_entropy(reshape(slice(logits, 1, begin - 1, end - 1), {n, logits.size(2)}), reshape(slice(ids, 1, begin, end), {n})), DType::F64)).item();
}

double second_loss(const Tensor& logits, const RepeatedTokens& input) {
  return loss_of(logits, input.ids, input.start + input.period + 1, input.start + 2 * input.period);
}

/// Mean of pattern[q, q - back] over q from `first` on.
double along_diagonal(const std::vector<float>& pattern, std::int64_t n, std::int64_t first, std::int64_t back) {
  double sum = 0;
  for (std::int64_t q = first; q < n; ++q) sum += pattern[static_cast<std::size_t>(q * n + q - back)];
  return sum / static_cast<double>(n - first);
}

/// Adds one head's scores, each divided by the rows.
Status add_head(InductionScores& scores, const MixingMap& map, const MixerInfo& mixer, int head, const RepeatedTokens& input) {
  const auto cell = static_cast<std::size_t>(mixer.layer * scores.heads + head);
  for (auto* v : {&scores.induction, &scores.duplicate, &scores.previous, &scores.first_token}) (*v)[cell] = 0;
  const std::int64_t n = map.rows(), half = input.start + input.period;
  for (int row = 0; row < map.batch(); ++row) {
    VITRINE_TRY(const auto pattern, whole_map(map, row, head));
    const float share = 1.0F / static_cast<float>(map.batch());
    scores.induction[cell] += share * static_cast<float>(along_diagonal(pattern, n, half, input.period - 1));
    scores.duplicate[cell] += share * static_cast<float>(along_diagonal(pattern, n, half, input.period));
    scores.previous[cell] += share * static_cast<float>(along_diagonal(pattern, n, 1, 1));
    double first = 0;
    for (std::int64_t q = 1; q < n; ++q) first += pattern[static_cast<std::size_t>(q * n)];
    scores.first_token[cell] += share * static_cast<float>(first / static_cast<double>(n - 1));
  }
  return {};
}

/// Id that the tokenizer's template puts first, else the end of text that models like GPT-2 were trained to begin with; -1: neither.
std::int64_t start_id(const Model& model) {
  if (!model.tokenizer()) return -1;
  const auto encoding = model.tokenizer()->encode("a", true);
  if (encoding && !encoding->tokens.empty() && encoding->tokens[0].special) return encoding->tokens[0].id;
  return model.tokenizer()->id_of("<|endoftext|>");
}

Result<std::int64_t> vocabulary(const Model& model) {
  RunRequest run{.capture_maps = false, .keep_residuals = false};
  run.inputs["input_ids"] = Tensor::from_ints(std::vector<std::int64_t>{0, 0}, {1, 2});
  VITRINE_TRY(const auto made, run_model(model, run));
  const auto logits = made->outputs.find("logits");
  if (logits == made->outputs.end() || logits->second.dim() != 3) return fail(ErrorCode::Unsupported, "the model does not predict tokens");
  const std::int64_t rows = logits->second.size(2);
  return model.tokenizer() && model.tokenizer()->vocab_size() > 0 ? std::min(rows, model.tokenizer()->vocab_size()) : rows;
}

Result<std::vector<float>> losses_without(const AnalysisRequest& request, const TowerInfo& tower, const RepeatedTokens& input, int heads) {
  std::vector<float> losses(static_cast<std::size_t>(tower.layers * heads), std::numeric_limits<float>::quiet_NaN());
  for (const auto& m : tower.mixers)
    for (int h = 0; h < m.heads; ++h) {
      VITRINE_CHECK(request.progress.step(static_cast<double>(m.layer) / tower.layers, "head " + head_name(m.layer, h)));
      EditList edits = request.edits;
      edits.push_back({.site = m.site + ".hook_z", .heads = {h}});
      VITRINE_TRY(const double loss, repeat_loss(request.workspace.model(), input, edits));
      losses[static_cast<std::size_t>(m.layer * heads + h)] = static_cast<float>(loss);
    }
  return losses;
}

Report report_of(const AnalysisRequest& request, const InductionScores& scores, const std::vector<float>& without) {
  Report report;
  report.picture = PictureKind::HeatMap;
  const std::vector<Axis> axes{layer_axis(scores.layers), head_axis(scores.heads)};
  const std::vector<std::int64_t> shape{scores.layers, scores.heads};
  Table table{"heads", {{"head", "", 4}, {"induction", "attention", 3}, {"duplicate", "attention", 3}, {"previous", "attention", 3}, {"first_token", "attention", 3}}, {}};
  std::vector<std::pair<const char*, const std::vector<float>*>> columns{{"induction", &scores.induction}, {"duplicate", &scores.duplicate}, {"previous", &scores.previous}, {"first_token", &scores.first_token}};
  for (const auto& [name, values] : columns) report.arrays.push_back(make_array(name, "attention", axes, shape, *values));
  if (!without.empty()) {
    columns.emplace_back("repeat_loss_if_zeroed", &without);
    report.arrays.push_back(make_array("repeat_loss_if_zeroed", "nats", axes, shape, without));
    table.columns.push_back({"repeat_loss_if_zeroed", "nats", 4});
  }
  std::vector<std::size_t> order(scores.induction.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::erase_if(order, [&](auto i) { return std::isnan(scores.induction[i]); });
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return scores.induction[a] > scores.induction[b]; });
  for (auto i : order) {
    std::vector<Cell> row{head_name(static_cast<int>(i) / scores.heads, static_cast<int>(i) % scores.heads)};
    for (const auto& [name, values] : columns) row.push_back(static_cast<double>((*values)[i]));
    table.rows.push_back(std::move(row));
  }
  report.tables.push_back(std::move(table));
  report.metrics.push_back({"loss on the first half", scores.loss_first, "nats", {}});
  report.metrics.push_back({"loss on the repetition", scores.loss_second, "nats", {}});
  return report;
}

Result<Report> induction(const AnalysisRequest& request) {
  const Model& model = request.workspace.model();
  if (!model.causal_lm()) return fail(ErrorCode::Unsupported, "induction is looked for in models that predict the next token; this one does not");
  const TowerInfo& tower = model.towers().at(0);
  VITRINE_TRY(const std::int64_t words, vocabulary(model));
  const std::int64_t limit = model.spec().input.value("max_tokens", std::int64_t{0}), start = start_id(model);
  std::int64_t period = std::clamp<std::int64_t>(request.params["period"].get<std::int64_t>(), 2, 500);
  if (limit > 0) period = std::min(period, (limit - 1) / 2);
  if (period < 2) return fail(ErrorCode::Unsupported, fmt::format("the model takes {} tokens, too few for a repetition", limit));
  const std::int64_t rows = std::clamp<std::int64_t>(request.params["rows"].get<std::int64_t>(), 1, 64), seed = request.params["seed"];
  VITRINE_TRY(const RepeatedTokens input, guard([&] { return repeated_tokens(words, start, period, rows, static_cast<std::uint64_t>(seed)); }));
  VITRINE_TRY(const InductionScores scores, induction_scores(model, tower, input, request.edits, request.progress));
  std::vector<float> without;
  if (request.params["ablate"] == true) {
    VITRINE_TRY(without, losses_without(request, tower, input, scores.heads));
  }
  Report report = report_of(request, scores, without);
  report.title = "Induction heads";
  report.subtitle = fmt::format("{} · {} rows of {} random tokens, twice", model.name(), rows, period);
  report.notes["input"] = fmt::format("{}{} uniform random tokens, the same again; {} rows, seed {}", start >= 0 ? "start token, " : "", period, rows, seed);
  report.notes["induction"] = "mean attention from a token of the repetition to the token after its first occurrence";
  report.notes["duplicate"] = "to its first occurrence";
  report.notes["previous"] = "from every token to the one before";
  if (!without.empty()) report.notes["repeat_loss_if_zeroed"] = "mean loss on the repetition with the head's z set to 0";
  double largest = 0;
  for (std::size_t i = 0; i < scores.induction.size(); ++i)
    if (!std::isnan(scores.induction[i])) largest = std::max(largest, static_cast<double>(scores.induction[i] + scores.duplicate[i]));
  report.verified = {"exact maps of a real pass; two cells of one row never exceed 1", largest, 1 + 1e-5, largest <= 1 + 1e-5};
  return report;
}

}  // namespace

RepeatedTokens repeated_tokens(std::int64_t vocabulary, std::int64_t start_id, std::int64_t period, std::int64_t rows, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  RepeatedTokens out{{}, period, start_id >= 0 ? 1 : 0};
  std::vector<std::int64_t> ids;
  for (std::int64_t r = 0; r < rows; ++r) {
    if (start_id >= 0) ids.push_back(start_id);
    const auto begin = static_cast<std::ptrdiff_t>(ids.size());
    while (static_cast<std::ptrdiff_t>(ids.size()) - begin < period) {
      // Modulo instead of a distribution of the library: the same tokens everywhere, and a bias of less than 2^-40.
      const auto id = static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(vocabulary));
      if (id != start_id || vocabulary == 1) ids.push_back(id);
    }
    for (std::int64_t i = 0; i < period; ++i) ids.push_back(ids[static_cast<std::size_t>(begin + i)]);
  }
  out.ids = Tensor::from_ints(ids, {rows, out.start + 2 * period});
  return out;
}

Result<InductionScores> induction_scores(const Model& model, const TowerInfo& tower, const RepeatedTokens& input, const EditList& edits, const Progress& progress) {
  RunRequest request{.inputs = {{"input_ids", input.ids}}, .edits = edits, .keep_residuals = false};
  VITRINE_TRY(const auto run, run_model(model, request, progress));
  InductionScores scores{tower.layers, max_heads(tower), {}, {}, {}, {}, 0, 0};
  for (auto* v : {&scores.induction, &scores.duplicate, &scores.previous, &scores.first_token})
    v->assign(static_cast<std::size_t>(scores.layers * scores.heads), std::numeric_limits<float>::quiet_NaN());
  for (const auto& m : tower.mixers) {
    const auto map = run->maps.find(m.site);
    if (map == run->maps.end()) continue;   // a dropped layer
    if (!map->second->stochastic()) return fail(ErrorCode::Unsupported, "induction scores need attention; " + m.site + " is a " + map->second->kind() + " mixer");
    for (int h = 0; h < m.heads; ++h) {
      VITRINE_CHECK(progress.step(static_cast<double>(m.layer) / tower.layers, m.site));
      VITRINE_CHECK(add_head(scores, *map->second, m, h, input));
    }
  }
  const auto logits = run->outputs.find("logits");
  if (logits == run->outputs.end()) return fail(ErrorCode::Unsupported, "the model does not predict tokens");
  VITRINE_CHECK(guard([&] {
    scores.loss_first = loss_of(logits->second, input.ids, std::max<std::int64_t>(1, input.start), input.start + input.period);
    scores.loss_second = second_loss(logits->second, input);
  }));
  return scores;
}

Result<double> repeat_loss(const Model& model, const RepeatedTokens& input, const EditList& edits) {
  RunRequest request{.inputs = {{"input_ids", input.ids}}, .edits = edits, .capture_maps = false, .keep_residuals = false};
  VITRINE_TRY(const auto run, run_model(model, request));
  return guard([&] { return second_loss(run->outputs.at("logits"), input); });
}

void register_induction(PluginRegistrar& registrar) {
  AnalysisInfo info{"induction", "Induction heads", "Which heads continue a repetition: scores on random tokens that occur twice.",
                    "Olsson et al. 2022, arXiv:2209.11895",
                    {int_param("period", 40, "random tokens before they repeat"), int_param("rows", 8, "sequences"), int_param("seed", 1, "of the random tokens"),
                     bool_param("ablate", false, "also zero each head and measure the loss on the repetition")}};
  info.needs_input = false;
  registrar.add(make_analysis(std::move(info), induction));
}

}  // namespace vitrine::plugins
