#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "engine/model/model.h"
#include "engine/model/spec.h"
#include "engine/run/edit.h"
#include "engine/tensor/tensor.h"

namespace vitrine::engine {

/// A model out of parts of another: its specification and its weights by canonical name.
struct SmallerModel {
  ModelSpec spec;
  std::map<std::string, Tensor> weights;
  std::vector<std::string> notes;        ///< what could only be masked, and why

  /// Tied weights count once.
  [[nodiscard]] std::int64_t parameters() const;
  [[nodiscard]] std::int64_t bytes() const;
};

/// Cuts out what the edits set to zero: heads (`hook_z`), neurons (`hook_post`), whole attention or MLP branches
/// (`hook_attn_out`, `hook_mlp_out`), blocks (drop). The result computes what the masked model computes.
///
/// In grouped-query attention keys and values leave only with their whole group; a lone head of a group has its output columns
/// set to zero instead, which is noted. The scale stays that of the original width.
/// @error Unsupported naming an edit that cannot be cut out (a token, a code, a mean, a channel of a state space, ...)
[[nodiscard]] Result<SmallerModel> cut_out(const Model& model, const EditList& edits);

/// Builds it in memory, with the original's tokenizer, labels and preprocessing.
[[nodiscard]] Result<std::shared_ptr<const Model>> build_smaller(const Model& original, const SmallerModel& smaller);

/// Writes weights (float32, or bfloat16 as the model is held), `vitrine.json`, and copies the original's tokenizer, preprocessing,
/// evaluation set and licence.
Status write_model(const Model& original, const SmallerModel& smaller, const std::filesystem::path& folder);

}  // namespace vitrine::engine
