#include "engine/tensor/strided.h"

#include <stdexcept>

#include "engine/tensor/aten.h"

namespace vitrine::engine {

StridedF32 strided_f32(const Tensor& x) {
  const at::Tensor t = raw(x);
  if (t.dim() != 4 || t.scalar_type() != at::kFloat || !t.device().is_cpu())
    throw std::invalid_argument("expected a float32 tensor of four axes on the CPU");
  StridedF32 view{t.const_data_ptr<float>(), {}};
  for (std::int64_t axis = 0; axis < 4; ++axis) view.stride[static_cast<std::size_t>(axis)] = t.size(axis) == 1 ? 0 : t.stride(axis);
  return view;
}

bool dense_rows(const Tensor& x) { return x.size(-1) == 1 || raw(x).stride(-1) == 1; }

}  // namespace vitrine::engine
