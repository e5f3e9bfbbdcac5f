#pragma once

#include "engine/tensor/attention.h"

namespace vitrine::engine {

/// Most keys of one part of a context: their keys and values stay in the second-level cache.
inline constexpr std::int64_t kKeysOfPart = 480;

/// What the cores divide among themselves.
enum class DecodeSplit { Context, Heads };

/// `fused_attention` of one query that sees every key, by parts of the context: every part of every key-value head is a piece of
/// work of its own, so that few heads still occupy all cores, and the parts are merged by their log-sum-exp. The queries of a group
/// read their keys and values together. Keys and values are read where they lie.
///
/// @param q [batch, head, 1, d]; k, v [batch, head_kv, key, d], rows of their last axis dense; see `can_decode`
/// @param bias [1 or batch, 1 or head, 1, 1 or key], finite; undefined: none
/// @param split Heads: all parts of a key-value head stay with one core, as few heads are often computed; kept to be compared with
/// @param most keys of one part at most
/// @return z lies as [batch, query, head, d_value]
/// @source Dao et al. 2023, Flash-Decoding; Hong et al. 2023, arXiv:2311.01282
FusedAttention decode_attention(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& bias, double scale, DecodeSplit split = DecodeSplit::Context,
                                std::int64_t most = kKeysOfPart);

/// Whether it takes them: one query, on the CPU, all float32 or all bfloat16.
[[nodiscard]] bool can_decode(const Tensor& q, const Tensor& k, const Tensor& v);

}  // namespace vitrine::engine
