#include "engine/tensor/rotate.h"

#include <c10/core/GradMode.h>

#include "engine/tensor/aten.h"
#include "engine/tensor/parallel.h"
#include "engine/tensor/strided.h"

namespace vitrine::engine {

namespace {

/// Rows that one thread takes at least.
constexpr std::int64_t kGrain = 512;

at::Tensor in_one_sweep(const Tensor& x_, const Tensor& cosine_, const Tensor& sine_) {
  const StridedF32 x = strided_f32(x_), cosine = strided_f32(cosine_), sine = strided_f32(sine_);
  const std::int64_t heads = x_.size(1), tokens = x_.size(2), half = cosine_.size(3);
  at::Tensor out = at::empty({x_.size(0), heads, tokens, 2 * half}, at::kFloat);
  float* const to = out.mutable_data_ptr<float>();
  parallel_for(x_.size(0) * heads * tokens, kGrain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      const std::int64_t token = row % tokens, batch = row / tokens / heads;
      const float* const first = x.at(batch, row / tokens % heads) + token * x.stride[2];
      const float* const second = first + half;
      const float *const c = cosine.at(batch, 0) + token * cosine.stride[2], *const s = sine.at(batch, 0) + token * sine.stride[2];
      float* const y = to + row * 2 * half;
      for (std::int64_t j = 0; j < half; ++j) {
        y[j] = first[j] * c[j] - second[j] * s[j];
        y[half + j] = second[j] * c[j] + first[j] * s[j];
      }
    }
  });
  return out;
}

}  // namespace

Tensor rotate_halves(const Tensor& x, const Tensor& cosine, const Tensor& sine) {
  const at::Tensor whole = raw(x), c = raw(cosine), s = raw(sine);
  const bool fits = !c10::GradMode::is_enabled() && whole.scalar_type() == at::kFloat && whole.dim() == 4 && whole.device().is_cpu() && dense_rows(x) &&
                    whole.size(3) == 2 * c.size(3);
  if (fits) return wrap(in_one_sweep(x, cosine, sine));
  const at::Tensor first = whole.slice(-1, 0, c.size(3)), second = whole.slice(-1, c.size(3));
  return wrap(at::cat({first * c - second * s, second * c + first * s}, -1));
}

}  // namespace vitrine::engine
