#pragma once

#include "engine/tensor/attention.h"

namespace vitrine::engine {

/// `fused_attention` by our own kernels where they take the shapes (float32 and bfloat16 on the CPU, from eight queries on; one
/// query: `decode_attention`), else by libtorch's. Arguments, result and formula as there; z lies as [batch, query, head, d_value].
///
/// Keys and values are packed once for each of their heads; a strip of queries meets a run of keys at a time, while both are in the
/// second-level cache, with a running maximum and sum. Of a causal map the half that exists is visited. bfloat16 is
/// widened first; where the processor multiplies it, weights are rounded to it to mix values, with float32 sums.
/// @cost O(query * key * d_head) flops; memory of a head's keys and values for each thread
/// @source Milakov and Gimelshein 2018, arXiv:1805.02867 (running softmax); Dao et al. 2022, arXiv:2205.14135
FusedAttention attention_forward(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& bias, bool causal, double scale);

}  // namespace vitrine::engine
