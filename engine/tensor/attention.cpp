#include "engine/tensor/attention.h"

#include "engine/tensor/aten.h"

namespace vitrine::engine {

FusedAttention fused_attention(const Tensor& q_, const Tensor& k_, const Tensor& v_, const Tensor& bias_, bool causal, double scale) {
  at::Tensor q = raw(q_), k = raw(k_), v = raw(v_);
  const std::int64_t queries = q.size(2), keys = k.size(2), group = q.size(1) / k.size(1);
  c10::optional<at::Tensor> bias = bias_.defined() ? c10::optional<at::Tensor>(raw(bias_)) : c10::nullopt;
  if (causal && queries != keys) {
    // The operator's causal form aligns the first rows; a cache needs the last rows aligned.
    at::Tensor mask = at::full({queries, keys}, -1e30, q.options()).triu(keys - queries + 1);
    bias = bias ? *bias + mask : mask;
    causal = false;
  }
  if (causal && bias) {
    bias = *bias + at::full({queries, keys}, -1e30, q.options()).triu(1);
    causal = false;
  }
  if (v.size(3) != q.size(3)) {
    if (group > 1) { k = k.repeat_interleave(group, 1); v = v.repeat_interleave(group, 1); }
    at::Tensor scores = at::matmul(q, k.transpose(-2, -1)) * scale;
    if (bias) scores = scores + *bias;
    if (causal) scores = scores + at::full({queries, keys}, -1e30, q.options()).triu(1);
    const at::Tensor lse = at::logsumexp(scores, {-1});
    return {wrap(at::matmul(at::softmax(scores, -1), v)), wrap(lse)};
  }
  if (bias) {
    // Layouts the kernel accepts: contiguous last axis, expanded leading axes.
    bias = bias->to(q.scalar_type());
    if (bias->dim() == 3) bias = bias->unsqueeze(0);
    if (bias->dim() == 4) bias = bias->expand({q.size(0), q.size(1), queries, keys});
  }
  auto [z, lse] = at::_scaled_dot_product_flash_attention_for_cpu(q, k, v, 0.0, causal, bias, scale);
  return {wrap(z), wrap(lse)};
}

}  // namespace vitrine::engine
