#include "engine/mixers/scan.h"

#include <cmath>

#include "engine/tensor/ops.h"

namespace vitrine::engine {

Tensor selective_scan(const Tensor& v_, const Tensor& delta_, const Tensor& a_, const Tensor& b_, const Tensor& c_) {
  const Tensor v = contiguous(to(v_, DType::F32)), delta = contiguous(to(delta_, DType::F32)), a = contiguous(to(a_, DType::F32));
  const Tensor b = contiguous(to(b_, DType::F32)), c = contiguous(to(c_, DType::F32));
  const std::int64_t batch = v.size(0), tokens = v.size(1), channels = v.size(2), states = a.size(1);
  Tensor out = Tensor::empty({batch, tokens, channels});
  const float *pv = v.data_f32(), *pd = delta.data_f32(), *pa = a.data_f32(), *pb = b.data_f32(), *pc = c.data_f32();
  float* po = out.data_f32();
  std::vector<float> h(static_cast<std::size_t>(channels * states));
  for (std::int64_t n = 0; n < batch; ++n) {
    std::fill(h.begin(), h.end(), 0.0F);
    for (std::int64_t t = 0; t < tokens; ++t) {
      const float *row_v = pv + (n * tokens + t) * channels, *row_d = pd + (n * tokens + t) * channels;
      const float *row_b = pb + (n * tokens + t) * states, *row_c = pc + (n * tokens + t) * states;
      float* row_o = po + (n * tokens + t) * channels;
      for (std::int64_t ch = 0; ch < channels; ++ch) {
        float* state = h.data() + ch * states;
        const float step = row_d[ch], drive = step * row_v[ch];
        float y = 0;
        for (std::int64_t i = 0; i < states; ++i) {
          state[i] = std::exp(step * pa[ch * states + i]) * state[i] + drive * row_b[i];
          y += row_c[i] * state[i];
        }
        row_o[ch] = y;
      }
    }
  }
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
