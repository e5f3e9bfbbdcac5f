#include "engine/run/evaluate.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "engine/io/checkpoint.h"
#include "engine/isolate/readers.h"
#include "engine/run/run.h"
#include "engine/run/sweep.h"
#include "engine/tensor/guard.h"
#include "engine/tensor/ops.h"

namespace vitrine::engine {

namespace fs = std::filesystem;

namespace {

Result<Tensor> read(const Checkpoint& file, const char* name, bool integer) {
  const TensorEntry* entry = file.find(name);
  if (!entry) return Tensor();
  VITRINE_TRY(const auto values, file.read_f32(*entry));
  return guard([&] {
    const Tensor t = Tensor::from_floats(values, entry->shape);
    return integer ? to(t, DType::I64) : t;
  });
}

/// 8-bit images [item, row, col] or [item, row, col, channel] as the model's preprocessing leaves them.
Tensor normalised(const Tensor& images, const ImagePreprocess& how) {
  Tensor x = images.dim() == 3 ? unsqueeze(images, 1) : permute(images, {0, 3, 1, 2});
  x = x * how.rescale;
  if (how.mean.empty()) return x;
  std::vector<float> mean(how.mean.begin(), how.mean.end()), std(how.std.begin(), how.std.end());
  mean.resize(static_cast<std::size_t>(x.size(1)), mean.empty() ? 0.F : mean[0]);
  std.resize(static_cast<std::size_t>(x.size(1)), std.empty() ? 1.F : std[0]);
  const Shape shape{1, x.size(1), 1, 1};
  return (x - Tensor::from_floats(mean, shape)) / Tensor::from_floats(std, shape);
}

/// Items of a batch.
std::int64_t chunk_of(const EvalSet& set) { return set.task == EvalSet::Task::LanguageModel ? 8 : 50; }

std::map<std::string, Tensor> inputs_of(const EvalSet& set, std::int64_t begin, std::int64_t end) {
  if (set.task == EvalSet::Task::LanguageModel) return {{"input_ids", slice(set.input_ids, 0, begin, end)}};
  return {{"pixel_values", slice(set.pixel_values, 0, begin, end)}};
}

/// Adds up what one model scores, batch by batch.
class Scorer {
 public:
  explicit Scorer(const EvalSet& set) : set_(set) {}
  void captions(const std::map<std::string, Tensor>& outputs) { captions_ = outputs.at("text_embeds"); }

  /// @param outputs of items [begin, end)
  void add(const std::map<std::string, Tensor>& outputs, std::int64_t begin, std::int64_t end) {
    items_ += end - begin;
    if (set_.task == EvalSet::Task::LanguageModel) return add_windows(outputs.at("logits"), slice(set_.input_ids, 0, begin, end));
    const Tensor logits = captions_.defined() ? matmul(outputs.at("image_embeds"), transpose(captions_, 0, 1)) : outputs.at("logits");
    add_rows(logits, slice(set_.labels, 0, begin, end));
    all_.push_back(clone(logits));
  }

  [[nodiscard]] EvalResult result() const {
    EvalResult r{.items = items_, .correct = correct_};
    const auto scored = static_cast<double>(std::max<std::int64_t>(1, scored_));
    r.accuracy = static_cast<double>(correct_) / scored;
    r.mean_cross_entropy = nll_ / scored;
    if (set_.task == EvalSet::Task::LanguageModel) r.perplexity = std::exp(r.mean_cross_entropy);
    if (!all_.empty()) r.logits = cat(all_, 0);
    return r;
  }

 private:
  /// Position t predicts t + 1.
  void add_windows(const Tensor& logits, const Tensor& ids) {
    const std::int64_t n = ids.size(0) * (ids.size(1) - 1);
    add_rows(reshape(slice(logits, 1, 0, ids.size(1) - 1), {n, logits.size(2)}), reshape(slice(ids, 1, 1, ids.size(1)), {n}));
  }
  void add_rows(const Tensor& logits, const Tensor& labels) {
    nll_ += sum_all(to(cross_entropy(logits, labels), DType::F64)).item();
    correct_ += static_cast<std::int64_t>(sum_all(to(equal(argmax(logits, 1), labels), DType::I64)).item());
    scored_ += labels.size(0);
  }

  const EvalSet& set_;
  Tensor captions_;
  std::vector<Tensor> all_;
  double nll_ = 0;
  std::int64_t correct_ = 0, scored_ = 0, items_ = 0;
};

std::map<std::string, Tensor> caption_inputs(const EvalSet& set) { return {{"input_ids", set.caption_ids}, {"attention_mask", set.caption_mask}}; }

}  // namespace

std::int64_t EvalSet::items() const { return task == Task::LanguageModel ? input_ids.size(0) : labels.size(0); }

Result<std::shared_ptr<const EvalSet>> open_eval_set(const Model& model) {
  std::error_code ignored;
  const fs::path folder = fs::is_directory(model.path(), ignored) ? model.path() : model.path().parent_path();
  const fs::path path = folder / "eval.safetensors";
  if (!fs::exists(path, ignored)) return fail(ErrorCode::FileMissing, "the model has no evaluation set (eval.safetensors beside its weights)");
  VITRINE_TRY(const auto file, isolate::open_checkpoint(path));
  auto set = std::make_shared<EvalSet>();
  set->name = path.filename().string();
  VITRINE_TRY(set->labels, read(*file, "labels", true));
  VITRINE_TRY(set->input_ids, read(*file, "input_ids", true));
  VITRINE_TRY(set->caption_ids, read(*file, "caption_ids", true));
  VITRINE_TRY(set->caption_mask, read(*file, "caption_mask", true));
  VITRINE_TRY(set->pixel_values, read(*file, "pixel_values", false));
  VITRINE_TRY(const Tensor images, read(*file, "images", false));
  if (images.defined() && !set->pixel_values.defined()) {
    if (!model.preprocess()) return fail_file(ErrorCode::Unsupported, path.string(), "holds images, but the model does not say how they are prepared");
    VITRINE_TRY(set->pixel_values, guard([&] { return normalised(images, *model.preprocess()); }));
  }
  if (set->caption_ids.defined() && set->pixel_values.defined()) set->task = EvalSet::Task::ZeroShot;
  else if (set->pixel_values.defined() && set->labels.defined()) set->task = EvalSet::Task::Classification;
  else if (set->input_ids.defined() && model.causal_lm()) set->task = EvalSet::Task::LanguageModel;
  else return fail_file(ErrorCode::Unsupported, path.string(), "expected images with labels, or input_ids of a language model");
  return set;
}

Result<EvalResult> evaluate(const Model& model, const EvalSet& set, const EditList& edits, const Progress& progress, std::int64_t limit) {
  const auto begin = std::chrono::steady_clock::now();
  const std::int64_t items = limit > 0 ? std::min(limit, set.items()) : set.items(), chunk = chunk_of(set);
  Scorer scorer(set);
  if (set.task == EvalSet::Task::ZeroShot) {
    VITRINE_TRY(const auto run, run_model(model, {.inputs = caption_inputs(set), .edits = edits, .capture_maps = false, .keep_residuals = false}, progress));
    VITRINE_CHECK(guard([&] { scorer.captions(run->outputs); }, ErrorCode::Internal));
  }
  for (std::int64_t i = 0; i < items; i += chunk) {
    VITRINE_CHECK(progress.step(static_cast<double>(i) / static_cast<double>(items), "evaluation set"));
    const std::int64_t end = std::min(items, i + chunk);
    RunRequest request{.edits = edits, .capture_maps = false, .keep_residuals = false};
    VITRINE_CHECK(guard([&] { request.inputs = inputs_of(set, i, end); }));
    VITRINE_TRY(const auto run, run_model(model, request));
    VITRINE_CHECK(guard([&] { scorer.add(run->outputs, i, end); }, ErrorCode::Internal));
  }
  VITRINE_TRY(EvalResult result, guard([&] { return scorer.result(); }, ErrorCode::Internal));
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return result;
}

Result<std::vector<EvalResult>> evaluate_variants(const Model& model, const EvalSet& set, const EditList& edits, const std::vector<EditList>& variants,
                                                  const std::function<void(const std::vector<EvalResult>&, double)>& visit, const Progress& progress) {
  std::vector<Scorer> scorers(variants.size(), Scorer(set));
  SweepRequest request{.edits = edits, .variants = variants};
  if (set.task == EvalSet::Task::ZeroShot) {
    request.inputs = caption_inputs(set);
    VITRINE_CHECK(sweep(model, request, [&](std::size_t v, const auto& outputs) { return guard([&] { scorers[v].captions(outputs); }, ErrorCode::Internal); }, progress.silent()));
  }
  const std::int64_t items = set.items(), chunk = chunk_of(set);
  std::vector<EvalResult> results;
  for (std::int64_t i = 0; i < items; i += chunk) {
    const std::int64_t end = std::min(items, i + chunk);
    VITRINE_CHECK(progress.step(static_cast<double>(i) / static_cast<double>(items), "evaluation set"));
    VITRINE_CHECK(guard([&] { request.inputs = inputs_of(set, i, end); }));
    VITRINE_CHECK(sweep(model, request, [&](std::size_t v, const auto& outputs) { return guard([&] { scorers[v].add(outputs, i, end); }, ErrorCode::Internal); }, progress.silent()));
    VITRINE_CHECK(guard([&] {
      results.clear();
      for (const Scorer& scorer : scorers) results.push_back(scorer.result());
    }, ErrorCode::Internal));
    if (visit) visit(results, static_cast<double>(end) / static_cast<double>(items));
  }
  return results;
}

Result<double> forecast_evaluation(const Model& model, const EvalSet& set, const std::vector<EditList>& variants, std::map<std::string, Tensor>& batch) {
  const std::int64_t chunk = chunk_of(set);
  VITRINE_CHECK(guard([&] { batch = inputs_of(set, 0, std::min(set.items(), chunk)); }));
  VITRINE_TRY(const SweepForecast cost, forecast_sweep(model, {.inputs = batch, .variants = variants}));
  return cost.passes * static_cast<double>(set.items()) / static_cast<double>(chunk);
}

}  // namespace vitrine::engine
