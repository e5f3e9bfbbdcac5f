#pragma once

#include "engine/nn/part.h"

namespace vitrine::engine {

/// Steps of heads that give images back (masked autoencoders, arXiv:2111.06377).
///
/// `skip_tokens` {count}: without the first tokens. `unpatchify` {channels}: [batch, patch, row x col x channel] to
/// [batch, channel, row, col], patches as the stem's grid has them. `masked_error` {channels, norm_pixels}: mean over the
/// hidden patches ("patch_mask") of the mean squared difference to "pixel_values"; norm_pixels compares with patches of mean
/// 0 and unbiased variance 1 (+ 1e-6). A number.
Status register_reconstruction(PartRegistry& registry);

}  // namespace vitrine::engine
