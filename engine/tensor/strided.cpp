#include "engine/tensor/strided.h"

#include <stdexcept>
#include <string>

#include "engine/tensor/aten.h"

namespace vitrine::engine {

namespace {

template <class T>
Strided<T> strided(const Tensor& x, at::ScalarType type, const char* name) {
  const at::Tensor t = raw(x);
  if (t.dim() != 4 || t.scalar_type() != type || !t.device().is_cpu())
    throw std::invalid_argument(std::string("expected a ") + name + " tensor of four axes on the CPU");
  Strided<T> view{static_cast<const T*>(t.const_data_ptr()), {}};
  for (std::int64_t axis = 0; axis < 4; ++axis) view.stride[static_cast<std::size_t>(axis)] = t.size(axis) == 1 ? 0 : t.stride(axis);
  return view;
}

}  // namespace

StridedF32 strided_f32(const Tensor& x) { return strided<float>(x, at::kFloat, "float32"); }
StridedBf16 strided_bf16(const Tensor& x) { return strided<std::uint16_t>(x, at::kBFloat16, "bfloat16"); }

std::uint16_t* data_bf16(const Tensor& x) {
  const at::Tensor t = raw(x);
  if (t.scalar_type() != at::kBFloat16 || !t.is_contiguous()) throw std::invalid_argument("expected a contiguous bfloat16 tensor");
  return static_cast<std::uint16_t*>(t.mutable_data_ptr());
}

bool dense_rows(const Tensor& x) { return x.size(-1) == 1 || raw(x).stride(-1) == 1; }

}  // namespace vitrine::engine
