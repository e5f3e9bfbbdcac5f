#pragma once

#include "engine/tensor/tensor.h"

namespace vitrine::engine {

/// Turns the pairs (j, j + half) of the last axis by their angles: (a cos - b sin, b cos + a sin). In one sweep where no gradient is
/// recorded.
/// @param x [batch, head, token, 2 half]  @param cosine, sine [1 or batch, 1, token, half], of the type of x
[[nodiscard]] Tensor rotate_halves(const Tensor& x, const Tensor& cosine, const Tensor& sine);

}  // namespace vitrine::engine
