#pragma once

#include "engine/tensor/tensor.h"

namespace vitrine::engine {

/// h[t] = exp(delta[t] A) h[t-1] + delta[t] B[t] v[t];  y[t] = C[t] h[t], per channel, in float32.
///
/// @param v, delta [batch, token, channel]  @param a [channel, state]  @param b, c [batch, token, state]
/// @return [batch, token, channel], without the skip term D v
/// @cost   O(batch token channel state), one pass over the tokens, threads over the batch
/// @source Gu and Dao 2023, arXiv:2312.00752, eq. 2 with Euler B
Tensor selective_scan(const Tensor& v, const Tensor& delta, const Tensor& a, const Tensor& b, const Tensor& c);

/// The same out of operators that record gradients; slow.
Tensor selective_scan_differentiable(const Tensor& v, const Tensor& delta, const Tensor& a, const Tensor& b, const Tensor& c);

}  // namespace vitrine::engine
