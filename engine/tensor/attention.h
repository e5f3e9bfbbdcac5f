#pragma once

#include "engine/tensor/tensor.h"

namespace vitrine::engine {

struct FusedAttention {
  Tensor z;     ///< [batch, head, query, d_head]
  Tensor lse;   ///< [batch, head, query], natural logarithm, of the scaled and biased scores
};

/// softmax(q k^T * scale + bias) v without storing the map.
///
/// @param q    [batch, head, query, d_head]
/// @param k    [batch, head_kv, key, d_head]; head % head_kv == 0, head h uses head_kv h / (head / head_kv)
/// @param v    as k
/// @param bias additive, broadcast to [batch, head, query, key]; undefined: none. Finite everywhere.
/// @param causal key j is visible to query i when j <= i + (keys - queries)
/// @cost   O(query * key * d_head) flops; memory O(query * d_head)
/// @source Dao et al. 2022, arXiv:2205.14135 (log-sum-exp as by-product)
FusedAttention fused_attention(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& bias, bool causal, double scale);

}  // namespace vitrine::engine
