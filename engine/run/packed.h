#pragma once

#include <map>
#include <string>
#include <vector>

#include "engine/core/error.h"
#include "engine/core/progress.h"
#include "engine/run/run.h"

namespace vitrine::engine {

/// Whether texts of different lengths can lie end to end in one row of tokens, each seeing itself alone: the model has a plain
/// tower and counts positions from the first token, and the edits act on every token alike.
[[nodiscard]] bool can_pack(const Model& model, const EditList& edits);

/// Texts end to end as one input: "input_ids", "token_type_ids" and "position_ids", which begin anew with every text, [1, token].
/// @param texts each with "input_ids" [1, token], all with the same names
/// Throws as tensor operations do.
[[nodiscard]] RunRequest packed_request(const std::vector<std::map<std::string, Tensor>>& texts);

/// The outputs of each text, as a run of its own would name and shape them. Texts of a model that can be packed go in rows of
/// some thousand tokens and no padding; others, and texts with a mask, one by one.
/// @cost  of attention the pairs within each text; of everything else every token once
/// @source Krell et al. 2021, arXiv:2107.02027 (packing without cross-contamination)
[[nodiscard]] Result<std::vector<std::map<std::string, Tensor>>> run_packed(const Model& model, const std::vector<std::map<std::string, Tensor>>& texts,
                                                                           const EditList& edits = {}, const Progress& progress = {});

}  // namespace vitrine::engine
