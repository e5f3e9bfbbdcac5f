#pragma once

#include "engine/nn/part.h"

namespace vitrine::engine {

/// `window_attention` {window: [rows, cols], shift: [rows, cols], pad_first, joint_shrink, ...AttentionCore}: attention inside
/// shifted windows of the token grid with a learned relative position bias (Swin, arXiv:2103.14030, section 3.2).
/// Hugging Face pads the grid and then rolls it (pad_first), timm rolls and then pads; padded tokens take part as keys.
/// Hooks of the core have window as their batch axis.
/// `patch_merging` {norm_eps, odd: pad}: 2 x 2 neighbours concatenated, normalised, projected to twice the width.
Status register_window_attention(PartRegistry& registry);

}  // namespace vitrine::engine
