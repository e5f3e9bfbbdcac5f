#pragma once

// Only for sources of engine/tensor: everything else sees engine/tensor/tensor.h.
#include <ATen/ATen.h>

#include "engine/tensor/tensor.h"

namespace vitrine::engine {

struct Tensor::Box {
  at::Tensor value;
};

[[nodiscard]] inline Tensor wrap(at::Tensor value) {
  return Tensor(std::make_shared<const Tensor::Box>(Tensor::Box{std::move(value)}));
}
/// Undefined handles become undefined at::Tensors.
[[nodiscard]] inline at::Tensor raw(const Tensor& t) { return t.defined() ? t.box()->value : at::Tensor(); }

[[nodiscard]] at::ScalarType scalar_type(DType dtype);
[[nodiscard]] DType from_scalar_type(at::ScalarType type);

}  // namespace vitrine::engine
