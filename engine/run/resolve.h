#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "engine/model/model.h"
#include "engine/run/edit.h"

namespace vitrine::engine {

/// Edits by hook, and the blocks that are left out.
struct ResolvedEdits {
  std::map<int, EditList> by_hook;       ///< hook id -> edits in order
  std::set<std::string> dropped;         ///< block paths
};

/// Looks every site up. `blocks.{L}.attn...` of a model whose L-th mixer is called otherwise (`mixer`, a staged block) means
/// that mixer; `blocks.{L}.mlp...` the channel mixer of the L-th block. Globs select several.
/// @error Usage naming a site that does not exist, with the closest that do
[[nodiscard]] Result<ResolvedEdits> resolve_edits(const Model& model, const EditList& edits);

/// Hook ids whose names match one of the globs (`*` any run of characters).
[[nodiscard]] Result<std::vector<int>> resolve_taps(const Model& model, const std::vector<std::string>& globs);
[[nodiscard]] bool glob_match(const std::string& glob, const std::string& name);

/// First block (index over the tower) that the edits touch, per tower index; the number of blocks if none is;
/// -1 if the stem is.
[[nodiscard]] std::vector<int> first_touched(const Model& model, const ResolvedEdits& edits);

}  // namespace vitrine::engine
