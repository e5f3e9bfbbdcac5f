#pragma once

#include "engine/nn/part.h"

namespace vitrine::engine {

/// `saliency_decoder` {prefix, levels, eps}: patch tokens to a map of the image's size in 0..1. Per level a transposed convolution
/// (kernel 4, stride 2, padding 1), batch norm, ReLU; then a 1 x 1 convolution, bilinear resize, logistic.
/// Weights `upconv{n}`, `bn{n}`, `final_conv` with n from 1. Output [batch, 1, row, col].
Status register_saliency(PartRegistry& registry);

}  // namespace vitrine::engine
