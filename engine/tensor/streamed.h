#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "engine/tensor/tensor.h"

namespace vitrine::engine {

/// Float32 values where a mapped file has them: a tensor that takes no memory of its own. Never to be written to.
/// @param values of whole pages of a file, mapped for reading alone, 4-byte aligned
/// @param owner  keeps the mapping alive as long as the tensor or a view of it
/// @return undefined if the bytes are not those of a mapped file
[[nodiscard]] Tensor streamed_tensor(std::span<const std::byte> values, const Shape& shape, std::shared_ptr<const void> owner);

/// Whether the tensor, or what it is a view of, came from `streamed_tensor`.
[[nodiscard]] bool is_streamed(const Tensor& x);

/// y = x W^T + b with a streamed weight, piece by piece: the next pieces are asked for while one is multiplied, and a piece's
/// pages leave the process after it.
/// @param x [..., in]  @param weight [out, in], or the transpose of what the file holds  @param bias [out] or undefined
/// @cost  one pass over the weight's pages; 16 MB of them at a time in the process
[[nodiscard]] Tensor streamed_linear(const Tensor& x, const Tensor& weight, const Tensor& bias);

}  // namespace vitrine::engine
