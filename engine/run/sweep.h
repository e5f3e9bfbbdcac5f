#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "engine/core/error.h"
#include "engine/core/progress.h"
#include "engine/run/run.h"

namespace vitrine::engine {

/// Many runs on the same inputs that differ in their edits only: every head switched off in turn, every place patched.
struct SweepRequest {
  std::map<std::string, Tensor> inputs;
  EditList edits;                            ///< of every variant, before its own
  std::vector<EditList> variants;
  std::shared_ptr<const Run> parent;         ///< of `inputs` and `edits` with residuals; made if there is none
  std::int64_t memory_limit = 32LL << 20;    ///< bytes of activations that one batch of variants may take; more is not quicker
  /// Only "logits" of the last token are asked for, [batch, 1, vocab]; what they do not depend on is not computed. A model
  /// whose logits have no token axis gives them as they are.
  bool last_token = false;
};

/// Gets the outputs of one variant, exactly as a run of its own would name and shape them (but see `last_token`).
using VariantVisitor = std::function<Status(std::size_t variant, const std::map<std::string, Tensor>& outputs)>;

/// Computes all variants. Those that first change the same block share everything before the changed hook, and go through
/// the rest of the model as one batch (variant x item) of as many variants as the memory limit takes. Where tokens meet in
/// plain self attention alone and a variant changes z of one block, variants of all blocks make one batch that grows as the
/// blocks advance; see `JoinedSweep`.
///
/// Variants are visited in groups, those that change late blocks first. Equal to one run per variant up to the order of sums.
/// @error those of `run_model`; what `visit` returns; Cancelled
Status sweep(const Model& model, const SweepRequest& request, const VariantVisitor& visit, const Progress& progress = {});

struct SweepForecast {
  double flops = 0;                          ///< of all variants
  double passes = 0;                         ///< the same in whole runs of the model
  std::int64_t bytes_per_variant = 0;
};
/// What a sweep costs, before it begins.
[[nodiscard]] Result<SweepForecast> forecast_sweep(const Model& model, const SweepRequest& request);

}  // namespace vitrine::engine
