#pragma once

#include <array>
#include <cstdint>

#include "engine/tensor/tensor.h"

namespace vitrine::engine {

/// Four axes where they lie. Strides in values; nothing is owned.
template <class T>
struct Strided {
  const T* data = nullptr;
  std::array<std::int64_t, 4> stride{};

  [[nodiscard]] const T* at(std::int64_t a, std::int64_t b) const { return data + a * stride[0] + b * stride[1]; }
};
using StridedF32 = Strided<float>;
using StridedBf16 = Strided<std::uint16_t>;

/// @param x [a, b, c, d] on the CPU, float32. Axes of size 1 get the stride 0: they broadcast.
[[nodiscard]] StridedF32 strided_f32(const Tensor& x);
/// The same of bfloat16.
[[nodiscard]] StridedBf16 strided_bf16(const Tensor& x);
/// Where the values of a contiguous bfloat16 tensor that nobody else holds are to be written.
[[nodiscard]] std::uint16_t* data_bf16(const Tensor& x);
/// Whether neighbours along the last axis are neighbours in memory.
[[nodiscard]] bool dense_rows(const Tensor& x);

}  // namespace vitrine::engine
