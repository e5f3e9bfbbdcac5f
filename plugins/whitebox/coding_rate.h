#pragma once

#include "engine/tensor/tensor.h"

namespace vitrine::plugins {

/// R^c of the subspaces: sum over heads of 1/2 log det(I + d / (n eps^2) X^T X), in nats, each token's vector divided by its
/// length first, as the figures of CRATE (arXiv:2306.01129, eq. 8) were made.
///
/// @param projected U^T LN(Z), [batch, token, head, d]
/// @return [batch], float64. Throws as tensor operations do.
[[nodiscard]] engine::Tensor coding_rate(const engine::Tensor& projected, double eps_squared);
/// The same by the n x n matrix of the tokens, which has the same determinant.
[[nodiscard]] engine::Tensor coding_rate_by_tokens(const engine::Tensor& projected, double eps_squared);
/// Share of entries that are not exactly 0, over all axes but the first: [batch], float64.
[[nodiscard]] engine::Tensor nonzero_share(const engine::Tensor& x);

}  // namespace vitrine::plugins
