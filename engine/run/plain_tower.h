#pragma once

#include "engine/model/model.h"
#include "engine/run/edit.h"

namespace vitrine::engine {

/// Whether a part gives each token what it is without the others (and is not a mixer).
[[nodiscard]] bool is_tokenwise(const PartSpec& part);

/// Whether the model is one tower of blocks whose tokens meet in plain self attention alone, once a block, and in nothing else:
/// GPT-2, BERT, ViT, Llama; not relative tables, windows on a grid, merged patches, cross attention.
/// @param codebooks whether the heads may end in codebooks
[[nodiscard]] bool is_plain_tower(const Model& model, bool codebooks);

/// Whether the edit leaves every row of a batch what it is without the others.
[[nodiscard]] bool row_by_row(const Edit& edit);

}  // namespace vitrine::engine
