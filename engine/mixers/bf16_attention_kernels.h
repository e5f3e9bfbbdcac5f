#pragma once

#include <cstdint>

namespace vitrine::engine {

/// Kernels of the attention pass that mix bfloat16 values by dot products of pairs, with float32 sums, kQueryLanes rows at a time.
struct Bf16AttentionKernels {
  /// out[r, c] = keep[r] out[r, c] + sum over j < keys of p[r * stride + j] values[j / 2][c][j % 2], for c < columns; keys even, columns
  /// a multiple of kValueColumns. The weights are rounded to bfloat16 where they lie.
  void (*mix)(float* p, std::int64_t stride, std::int64_t keys, const std::uint16_t* values, std::int64_t columns, const float* keep, float* out);
  /// to[i] = factor * from[i], rounded.
  void (*store)(const float* from, std::int64_t n, float factor, std::uint16_t* to);
};
/// nullptr where the processor has no such instructions (AVX512_BF16).
[[nodiscard]] const Bf16AttentionKernels* bf16_attention_kernels();

}  // namespace vitrine::engine
