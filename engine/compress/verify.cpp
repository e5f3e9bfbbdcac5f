#include "engine/compress/verify.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "engine/model/build.h"
#include "engine/run/run.h"
#include "engine/tensor/guard.h"
#include "engine/tensor/ops.h"

namespace vitrine::engine {

namespace {

double median(std::vector<double> v) {
  std::sort(v.begin(), v.end());
  return v.empty() ? 0 : 0.5 * (v[v.size() / 2] + v[(v.size() - 1) / 2]);
}

/// Something both models can be run on.
Result<std::map<std::string, Tensor>> sample_inputs(const Model& model) {
  if (auto set = open_eval_set(model)) {
    const EvalSet& s = **set;
    return guard([&]() -> std::map<std::string, Tensor> {
      std::map<std::string, Tensor> in;
      if (s.pixel_values.defined()) in["pixel_values"] = slice(s.pixel_values, 0, 0, std::min<std::int64_t>(8, s.pixel_values.size(0)));
      if (s.input_ids.defined()) in["input_ids"] = slice(s.input_ids, 0, 0, std::min<std::int64_t>(4, s.input_ids.size(0)));
      return in;
    });
  }
  std::map<std::string, Tensor> in;
  for (const auto& tower : model.spec().towers) {
    const auto& p = tower.stem.params;
    if (tower.stem.part == "token_embedding") {
      const std::int64_t vocab = param_or<std::int64_t>(p, "vocab", 2), n = 32;
      std::vector<std::int64_t> ids;
      for (std::int64_t i = 0; i < n; ++i) ids.push_back((1 + i * 7919) % vocab);
      in[param_or<std::string>(p, "ids", "input_ids")] = Tensor::from_ints(ids, {1, n});
    } else {
      const auto image = param_or(p, "image", std::vector<std::int64_t>{224, 224});
      VITRINE_TRY(in[param_or<std::string>(p, "pixels", "pixel_values")], guard([&] { return randn({1, param_or<std::int64_t>(p, "channels", 3), image[0], image[1]}, 1); }));
    }
  }
  return in;
}

Result<double> run_ms(const Model& model, const std::map<std::string, Tensor>& inputs) {
  VITRINE_TRY(const auto run, run_model(model, {.inputs = inputs, .capture_maps = false, .keep_residuals = false}));
  return run->milliseconds;
}

/// Largest difference over the outputs that both have, and the largest magnitude.
Result<std::pair<double, double>> compare(const Run& a, const Run& b) {
  double worst = 0, scale = 1;
  int compared = 0;
  for (const auto& [name, x] : a.outputs) {
    auto it = b.outputs.find(name);
    if (it == b.outputs.end()) continue;
    VITRINE_CHECK(guard([&] {
      worst = std::max(worst, max_abs(x - it->second));
      scale = std::max(scale, max_abs(x));
    }));
    ++compared;
  }
  if (compared == 0) return fail(ErrorCode::AssertionFailed, "the two models have no output in common");
  return std::pair{worst, scale};
}

}  // namespace

Result<PairedTiming> time_in_turns(const Model& first, const Model& second, const std::map<std::string, Tensor>& inputs, int pairs, const Progress& progress) {
  std::vector<double> a, b, ratios;
  for (int i = -2; i < pairs; ++i) {   // two pairs of warm-up; who starts alternates
    VITRINE_CHECK(progress.step(static_cast<double>(i + 2) / (pairs + 2), "timing in turns"));
    VITRINE_TRY(const double x, run_ms(i % 2 ? first : second, inputs));
    VITRINE_TRY(const double y, run_ms(i % 2 ? second : first, inputs));
    if (i < 0) continue;
    a.push_back(i % 2 ? x : y);
    b.push_back(i % 2 ? y : x);
    ratios.push_back(a.back() / std::max(1e-9, b.back()));
  }
  std::sort(ratios.begin(), ratios.end());
  const auto n = static_cast<double>(ratios.size());
  const auto at = [&](double rank) { return ratios[static_cast<std::size_t>(std::clamp(rank, 0.0, n - 1))]; };
  return PairedTiming{median(a), median(b), median(ratios), at(std::floor(n / 2 - 0.98 * std::sqrt(n))), at(std::ceil(n / 2 + 0.98 * std::sqrt(n))), pairs};
}

Result<Report> verify_smaller(const Model& original, const EditList& mask, const Model& smaller, std::map<std::string, Tensor> inputs, const Progress& progress) {
  if (inputs.empty()) {
    VITRINE_TRY(inputs, sample_inputs(original));
  }
  VITRINE_TRY(const auto masked, run_model(original, {.inputs = inputs, .edits = mask, .capture_maps = false, .keep_residuals = false}, progress));
  VITRINE_TRY(const auto small, run_model(smaller, {.inputs = inputs, .capture_maps = false, .keep_residuals = false}, progress));
  VITRINE_TRY(const auto difference, compare(*masked, *small));
  VITRINE_TRY(const PairedTiming timing, time_in_turns(original, smaller, inputs, 15, progress));
  Report report;
  report.id = "verify";
  report.title = "Smaller model against the masked one";
  report.subtitle = original.name();
  report.picture = PictureKind::Table;
  const int width = byte_size(original.dtype());
  report.metrics = {{"parameters", static_cast<double>(smaller.parameter_count()), "", static_cast<double>(original.parameter_count())},
                    {"bytes", static_cast<double>(smaller.parameter_count() * width), "bytes", static_cast<double>(original.parameter_count() * width)},
                    {"latency_ms", timing.second_ms, "ms", timing.first_ms},
                    {"speedup", timing.ratio, "×", {}}, {"speedup_low", timing.low, "×", {}}, {"speedup_high", timing.high, "×", {}},
                    {"max_abs_diff", difference.first, "", {}}};
  if (auto set = open_eval_set(original)) {
    VITRINE_TRY(const EvalResult before, evaluate(original, **set, {}, progress));
    VITRINE_TRY(const EvalResult after, evaluate(smaller, **set, {}, progress));
    if ((*set)->task == EvalSet::Task::LanguageModel) report.metrics.push_back({"perplexity", after.perplexity, "", before.perplexity});
    else report.metrics.push_back({"correct", static_cast<double>(after.correct), fmt::format("of {}", after.items), static_cast<double>(before.correct)});
    report.metrics.push_back({"mean_cross_entropy", after.mean_cross_entropy, "nats", before.mean_cross_entropy});
  }
  Table table{"summary", {{"measure", "", 4}, {"after", "", 6}, {"before", "", 6}}, {}};
  for (const auto& m : report.metrics) table.rows.push_back({m.name + (m.unit.empty() ? "" : " (" + m.unit + ")"), m.value, m.before ? Cell(*m.before) : Cell(std::string())});
  report.tables.push_back(std::move(table));
  report.notes["latency"] = fmt::format("medians of {} pairs measured in turns; speed-up {:.2f} with 95 % interval {:.2f} to {:.2f}", timing.pairs, timing.ratio, timing.low, timing.high);
  report.notes["bytes"] = "weights at " + std::string(dtype_name(original.dtype())) + ", before and after";
  const double tolerance = 1e-4 * difference.second;
  report.verified = {"outputs of the smaller model against the masked original", difference.first, tolerance, difference.first <= tolerance};
  return report;
}

}  // namespace vitrine::engine
