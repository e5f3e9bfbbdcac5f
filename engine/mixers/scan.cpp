#include "engine/mixers/scan.h"

#include <algorithm>
#include <vector>

#include "engine/mixers/scan_kernel.h"
#include "engine/tensor/ops.h"
#include "engine/tensor/parallel.h"

namespace vitrine::engine {

Tensor selective_scan(const Tensor& v_, const Tensor& delta_, const Tensor& a_, const Tensor& b_, const Tensor& c_) {
  const Tensor v = contiguous(to(v_, DType::F32)), delta = contiguous(to(delta_, DType::F32)), a = contiguous(to(a_, DType::F32));
  const Tensor b = contiguous(to(b_, DType::F32)), c = contiguous(to(c_, DType::F32));
  const std::int64_t batch = v.size(0), tokens = v.size(1), channels = v.size(2), states = a.size(1);
  Tensor out = Tensor::empty({batch, tokens, channels});
  const float *pv = v.data_f32(), *pd = delta.data_f32(), *pb = b.data_f32(), *pc = c.data_f32();
  float* po = out.data_f32();
  const Tensor by_state = contiguous(transpose(a, 0, 1));
  const float* rates = by_state.data_f32();
  parallel_for(batch, 1, [&](std::int64_t begin, std::int64_t end) {
    std::vector<float> h(static_cast<std::size_t>(channels * states));
    for (std::int64_t n = begin; n < end; ++n) {
      std::fill(h.begin(), h.end(), 0.0F);
      const std::int64_t wide = n * tokens * channels, narrow = n * tokens * states;
      scan_sequence(pv + wide, pd + wide, rates, pb + narrow, pc + narrow, tokens, channels, states, h.data(), po + wide);
    }
  });
  return to(out, v_.dtype());
}

Tensor selective_scan_differentiable(const Tensor& v, const Tensor& delta, const Tensor& a, const Tensor& b, const Tensor& c) {
  const std::int64_t tokens = v.size(1);
  Tensor h = zeros({v.size(0), v.size(2), a.size(1)});
  std::vector<Tensor> rows;
  for (std::int64_t t = 0; t < tokens; ++t) {
    const Tensor step = unsqueeze(select(delta, 1, t), -1);   // [batch, channel, 1]
    const Tensor drive = step * unsqueeze(select(v, 1, t), -1) * unsqueeze(select(b, 1, t), 1);
    h = exp(step * a) * h + drive;
    rows.push_back(sum(h * unsqueeze(select(c, 1, t), 1), {-1}));
  }
  return stack(rows, 1);
}

}  // namespace vitrine::engine
