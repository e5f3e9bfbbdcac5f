#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "engine/core/error.h"
#include "engine/core/progress.h"
#include "engine/model/model.h"
#include "engine/run/edit.h"
#include "engine/tensor/tensor.h"

namespace vitrine::engine {

/// A labelled set that a model is measured on.
struct EvalSet {
  enum class Task { Classification, LanguageModel, ZeroShot } task = Task::Classification;
  std::string name;
  Tensor pixel_values;              ///< [item, channel, row, col], preprocessed
  Tensor labels;                    ///< [item]
  Tensor input_ids;                 ///< [window, token]
  Tensor caption_ids, caption_mask; ///< ZeroShot: [class, token]
  [[nodiscard]] std::int64_t items() const;
};

struct EvalResult {
  std::int64_t items = 0, correct = 0;
  double accuracy = 0;              ///< Classification, ZeroShot; top-1 of the next token for LanguageModel
  double mean_cross_entropy = 0;    ///< nats per item or token
  double perplexity = 0;            ///< LanguageModel
  Tensor logits;                    ///< [item, class] where it is small enough to keep
  double seconds = 0;
};

/// `eval.safetensors` of a model folder. @error FileMissing if there is none
[[nodiscard]] Result<std::shared_ptr<const EvalSet>> open_eval_set(const Model& model);

/// One evaluation per variant, which are edits in addition to `edits`. All variants see the same items at the same time.
///
/// @param visit after every batch of items, with the results over the items so far, one per variant
/// @cost see `sweep`: per batch one run, and per variant what comes after its first changed hook
[[nodiscard]] Result<std::vector<EvalResult>> evaluate_variants(
    const Model& model, const EvalSet& set, const EditList& edits, const std::vector<EditList>& variants,
    const std::function<void(const std::vector<EvalResult>&, double fraction)>& visit = {}, const Progress& progress = {});
/// How many runs of one batch of items this is worth, and such a batch.
[[nodiscard]] Result<double> forecast_evaluation(const Model& model, const EvalSet& set, const std::vector<EditList>& variants,
                                                 std::map<std::string, Tensor>& batch);

/// @param limit use only the first items; 0: all
[[nodiscard]] Result<EvalResult> evaluate(const Model& model, const EvalSet& set, const EditList& edits = {},
                                          const Progress& progress = {}, std::int64_t limit = 0);

}  // namespace vitrine::engine
