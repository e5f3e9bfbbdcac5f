#include "engine/run/evaluate.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "engine/io/checkpoint.h"
#include "engine/run/run.h"
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

struct Sums { double nll = 0; std::int64_t correct = 0, scored = 0; };

/// Adds up one batch of language model windows: position t predicts t + 1.
void score_windows(const Tensor& logits, const Tensor& ids, Sums& sums) {
  const std::int64_t n = ids.size(0) * (ids.size(1) - 1);
  const Tensor predicted = reshape(slice(logits, 1, 0, ids.size(1) - 1), {n, logits.size(2)});
  const Tensor next = reshape(slice(ids, 1, 1, ids.size(1)), {n});
  sums.nll += to(sum_all(to(cross_entropy(predicted, next), DType::F64)), DType::F64).item();
  sums.correct += static_cast<std::int64_t>(sum_all(to(equal(argmax(predicted, 1), next), DType::I64)).item());
  sums.scored += n;
}

}  // namespace

std::int64_t EvalSet::items() const { return task == Task::LanguageModel ? input_ids.size(0) : labels.size(0); }

Result<std::shared_ptr<const EvalSet>> open_eval_set(const Model& model) {
  std::error_code ignored;
  const fs::path folder = fs::is_directory(model.path(), ignored) ? model.path() : model.path().parent_path();
  const fs::path path = folder / "eval.safetensors";
  if (!fs::exists(path, ignored)) return fail(ErrorCode::FileMissing, "the model has no evaluation set (eval.safetensors beside its weights)");
  VITRINE_TRY(const auto file, open_checkpoint(path));
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
  const bool windows = set.task == EvalSet::Task::LanguageModel;
  const std::int64_t items = limit > 0 ? std::min(limit, set.items()) : set.items();
  const std::int64_t chunk = windows ? 8 : 50;
  Sums sums;
  std::vector<Tensor> all;
  Tensor captions;
  if (set.task == EvalSet::Task::ZeroShot) {
    RunRequest request{.inputs = {{"input_ids", set.caption_ids}, {"attention_mask", set.caption_mask}}, .edits = edits, .capture_maps = false, .keep_residuals = false};
    VITRINE_TRY(const auto run, run_model(model, request, progress));
    captions = run->outputs.at("text_embeds");
  }
  for (std::int64_t i = 0; i < items; i += chunk) {
    VITRINE_CHECK(progress.step(static_cast<double>(i) / static_cast<double>(items), "evaluation set"));
    const std::int64_t end = std::min(items, i + chunk);
    RunRequest request{.edits = edits, .capture_maps = false, .keep_residuals = false};
    VITRINE_CHECK(guard([&] {
      if (windows) request.inputs["input_ids"] = slice(set.input_ids, 0, i, end);
      else request.inputs["pixel_values"] = slice(set.pixel_values, 0, i, end);
    }));
    VITRINE_TRY(const auto run, run_model(model, request));
    VITRINE_CHECK(guard([&] {
      if (windows) return score_windows(run->outputs.at("logits"), request.inputs["input_ids"], sums);
      const Tensor labels = slice(set.labels, 0, i, end);
      const Tensor logits = captions.defined() ? matmul(run->outputs.at("image_embeds"), transpose(captions, 0, 1)) : run->outputs.at("logits");
      sums.nll += sum_all(to(cross_entropy(logits, labels), DType::F64)).item();
      sums.correct += static_cast<std::int64_t>(sum_all(to(equal(argmax(logits, 1), labels), DType::I64)).item());
      sums.scored += end - i;
      all.push_back(logits);
    }, ErrorCode::Internal));
  }
  EvalResult result{.items = items, .correct = sums.correct};
  result.accuracy = static_cast<double>(sums.correct) / static_cast<double>(std::max<std::int64_t>(1, sums.scored));
  result.mean_cross_entropy = sums.nll / static_cast<double>(std::max<std::int64_t>(1, sums.scored));
  if (windows) result.perplexity = std::exp(result.mean_cross_entropy);
  if (!all.empty()) VITRINE_CHECK(guard([&] { result.logits = cat(all, 0); }));
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return result;
}

}  // namespace vitrine::engine
