#pragma once

#include <cstdint>

namespace vitrine::engine {

/// Kernels for a few queries that share their keys, for the processor at hand, chosen once. Strides in elements.
/// `Row`: float, or bfloat16 as its bits, which is widened in the registers.
template <class Row>
struct DecodeKernels {
  /// s[g * s_stride + j] = q_g . k_j for g < queries, j < keys.  @param q [query, d], scaled  @param k first row
  void (*scores)(const float* q, std::int64_t queries, const Row* k, std::int64_t stride, std::int64_t keys, std::int64_t d, float* s, std::int64_t s_stride);
  /// out[g, c] = sum over j < keys of p[g * p_stride + j] v_j[c], c < d_value.
  void (*mix)(const float* p, std::int64_t p_stride, std::int64_t queries, const Row* v, std::int64_t stride, std::int64_t keys, std::int64_t d_value, float* out);
};
template <class Row>
[[nodiscard]] const DecodeKernels<Row>& decode_kernels();
template <>
[[nodiscard]] const DecodeKernels<float>& decode_kernels<float>();
template <>
[[nodiscard]] const DecodeKernels<std::uint16_t>& decode_kernels<std::uint16_t>();

}  // namespace vitrine::engine
