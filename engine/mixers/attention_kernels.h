#pragma once

#include <cstdint>

namespace vitrine::engine {

/// Columns of values that one step of the products reads: values lie as [key][columns], columns a multiple of this.
inline constexpr std::int64_t kValueColumns = 32;

/// Kernels of the attention pass, for the processor at hand, chosen once. Rows come kQueryLanes at a time (score_kernels.h).
struct AttentionKernels {
  /// One row of scores to weights exp(s - m) in place, n a multiple of kPanelKeys; m is the larger of `most` and the row's largest.
  /// Returns m; `sum` is what the weights add up to.
  float (*weights)(float* s, std::int64_t n, float most, float* sum);
  /// out[r, c] = keep[r] out[r, c] + sum over j < keys of p[r * stride + j] values[j, c], for r < kQueryLanes, c < columns.
  void (*mix)(const float* p, std::int64_t stride, std::int64_t keys, const float* values, std::int64_t columns, const float* keep, float* out);
};
[[nodiscard]] const AttentionKernels& attention_kernels();

}  // namespace vitrine::engine
