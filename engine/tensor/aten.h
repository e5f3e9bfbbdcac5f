#pragma once

// Only for sources of engine/tensor: everything else sees engine/tensor/tensor.h.
#include <ATen/ATen.h>

#include "engine/tensor/tensor.h"

namespace vitrine::engine {

class BlockMatrix;

struct Tensor::Box {
  at::Tensor value;   ///< of a matrix in blocks: its shape and type, and no values
  std::shared_ptr<const BlockMatrix> blocks = nullptr;
};

/// The values of a matrix in blocks, in memory that is given back with the result.
[[nodiscard]] at::Tensor unfolded(const Tensor::Box& box);

[[nodiscard]] inline Tensor wrap(at::Tensor value) {
  return Tensor(std::make_shared<const Tensor::Box>(Tensor::Box{std::move(value)}));
}
/// Undefined handles become undefined at::Tensors; what is in blocks is unfolded, so that every operation sees values.
[[nodiscard]] inline at::Tensor raw(const Tensor& t) {
  if (!t.defined()) return {};
  return t.box()->blocks ? unfolded(*t.box()) : t.box()->value;
}

[[nodiscard]] at::ScalarType scalar_type(DType dtype);
[[nodiscard]] DType from_scalar_type(at::ScalarType type);

}  // namespace vitrine::engine
