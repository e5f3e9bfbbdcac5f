#pragma once

#include "engine/tensor/tensor.h"

namespace vitrine::engine {

/// The kernel of a patch embedding for patches of another size: on a patch that is resized (bilinearly, half-pixel centres, without
/// antialiasing) it gives what the old kernel gives on the patch itself; where patches become smaller, in the least-squares sense.
///
/// @param kernel [d_model, channel, row, col]
/// @return       [d_model, channel, rows, cols]
/// @cost         a singular value decomposition of (row * col) x (rows * cols)
/// @source       Beyer et al. 2023 (FlexiViT, PI-resize), arXiv:2212.08013, section 3.4
Tensor resized_patches(const Tensor& kernel, std::int64_t rows, std::int64_t cols);

}  // namespace vitrine::engine
