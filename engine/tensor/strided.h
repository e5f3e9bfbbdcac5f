#pragma once

#include <array>

#include "engine/tensor/tensor.h"

namespace vitrine::engine {

/// Four axes of float32 where they lie. Strides in floats; nothing is owned.
struct StridedF32 {
  const float* data = nullptr;
  std::array<std::int64_t, 4> stride{};

  [[nodiscard]] const float* at(std::int64_t a, std::int64_t b) const { return data + a * stride[0] + b * stride[1]; }
};

/// @param x [a, b, c, d] on the CPU, float32. Axes of size 1 get the stride 0: they broadcast.
[[nodiscard]] StridedF32 strided_f32(const Tensor& x);
/// Whether neighbours along the last axis are neighbours in memory.
[[nodiscard]] bool dense_rows(const Tensor& x);

}  // namespace vitrine::engine
