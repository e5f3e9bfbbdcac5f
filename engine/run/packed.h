#pragma once

#include <cstddef>
#include <functional>
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
/// @param texts each with "input_ids" [1, token], all with the same names; their masks hide nothing and are left out
/// Throws as tensor operations do.
[[nodiscard]] RunRequest packed_request(const std::vector<std::map<std::string, Tensor>>& texts);

/// What a text of several gave.
struct PackedText {
  std::size_t text = 0, together = 1;                      ///< its number; texts in its row
  const std::map<std::string, Tensor>& outputs;            ///< as a run of its own would name and shape them
  double milliseconds = 0;                                 ///< of the row, by this text's share of the tokens
  int blocks = 0;                                          ///< computed for the row
};

/// Runs each input, texts of a model that can be packed in rows of some thousand tokens and no padding; others, texts some of
/// whose tokens a mask hides, and all where a row would not fit into memory, one by one. What is visited is not kept.
/// @param visit in the order of the inputs; what it returns ends the rest
/// @cost  of attention the pairs within each text; of everything else every token once
/// @source Krell et al. 2021, arXiv:2107.02027 (packing without cross-contamination); Zhai et al. 2022, arXiv:2210.03052
[[nodiscard]] Status run_packed(const Model& model, const std::vector<std::map<std::string, Tensor>>& inputs, const EditList& edits,
                                const std::function<Status(const PackedText&)>& visit, const Progress& progress = {});
/// Of `run_packed`: the most memory of its passes, the time of all. @error DoesNotFit if one does not
[[nodiscard]] Result<Forecast> forecast_packed(const Model& model, const std::vector<std::map<std::string, Tensor>>& inputs, const EditList& edits);
/// The outputs of all of them.
[[nodiscard]] Result<std::vector<std::map<std::string, Tensor>>> run_packed(const Model& model, const std::vector<std::map<std::string, Tensor>>& inputs,
                                                                           const EditList& edits = {}, const Progress& progress = {});

}  // namespace vitrine::engine
