#include "engine/tensor/ops.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <c10/core/GradMode.h>

#include "engine/tensor/aten.h"
#include "engine/tensor/in_blocks.h"
#include "engine/tensor/parallel.h"

namespace vitrine::engine {

namespace {
c10::optional<at::Tensor> maybe(const Tensor& t) {
  return t.defined() ? c10::optional<at::Tensor>(raw(t)) : c10::nullopt;
}
std::vector<at::Tensor> raws(const std::vector<Tensor>& ts) {
  std::vector<at::Tensor> out;
  out.reserve(ts.size());
  for (const auto& t : ts) out.push_back(raw(t));
  return out;
}
/// A scalar that leaves integer tensors integers where it is a whole number.
at::Scalar scalar_for(const Tensor& x, double value) {
  const bool whole = at::isIntegralType(raw(x).scalar_type(), false) && value == static_cast<double>(static_cast<std::int64_t>(value));
  return whole ? at::Scalar(static_cast<std::int64_t>(value)) : at::Scalar(value);
}
}  // namespace

Tensor operator+(const Tensor& a, const Tensor& b) { return wrap(raw(a) + raw(b)); }
Tensor operator-(const Tensor& a, const Tensor& b) { return wrap(raw(a) - raw(b)); }
Tensor operator*(const Tensor& a, const Tensor& b) { return wrap(raw(a) * raw(b)); }
Tensor operator/(const Tensor& a, const Tensor& b) { return wrap(raw(a) / raw(b)); }
Tensor operator+(const Tensor& a, double b) { return wrap(raw(a) + scalar_for(a, b)); }
Tensor operator-(const Tensor& a, double b) { return wrap(raw(a) - scalar_for(a, b)); }
Tensor operator*(const Tensor& a, double b) { return wrap(raw(a) * scalar_for(a, b)); }
Tensor operator/(const Tensor& a, double b) { return wrap(raw(a) / b); }

Tensor matmul(const Tensor& a, const Tensor& b) { return wrap(at::matmul(raw(a), raw(b))); }
Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias) { return wrap(at::linear(raw(x), raw(weight), maybe(bias))); }

Tensor exp(const Tensor& x) { return wrap(at::exp(raw(x))); }
Tensor log(const Tensor& x) { return wrap(at::log(raw(x))); }
Tensor sqrt(const Tensor& x) { return wrap(at::sqrt(raw(x))); }
Tensor rsqrt(const Tensor& x) { return wrap(at::rsqrt(raw(x))); }
Tensor square(const Tensor& x) { return wrap(at::square(raw(x))); }
Tensor abs(const Tensor& x) { return wrap(at::abs(raw(x))); }
Tensor sin(const Tensor& x) { return wrap(at::sin(raw(x))); }
Tensor cos(const Tensor& x) { return wrap(at::cos(raw(x))); }
Tensor floor(const Tensor& x) { return wrap(at::floor(raw(x))); }
Tensor pow(const Tensor& x, double exponent) { return wrap(at::pow(raw(x), exponent)); }
Tensor clamp(const Tensor& x, double low, double high) { return wrap(at::clamp(raw(x), scalar_for(x, low), scalar_for(x, high))); }
Tensor maximum(const Tensor& a, const Tensor& b) { return wrap(at::maximum(raw(a), raw(b))); }
Tensor minimum(const Tensor& a, const Tensor& b) { return wrap(at::minimum(raw(a), raw(b))); }

Tensor relu(const Tensor& x) { return wrap(at::relu(raw(x))); }
Tensor gelu(const Tensor& x, bool tanh_form) { return wrap(at::gelu(raw(x), tanh_form ? "tanh" : "none")); }
Tensor silu(const Tensor& x) { return wrap(at::silu(raw(x))); }
Tensor sigmoid(const Tensor& x) { return wrap(at::sigmoid(raw(x))); }
Tensor tanh(const Tensor& x) { return wrap(at::tanh(raw(x))); }
Tensor softplus(const Tensor& x) { return wrap(at::softplus(raw(x))); }

Tensor softmax(const Tensor& x, int axis) { return wrap(at::softmax(raw(x), axis)); }
Tensor log_softmax(const Tensor& x, int axis) { return wrap(at::log_softmax(raw(x), axis)); }
Tensor logsumexp(const Tensor& x, int axis, bool keep) { return wrap(at::logsumexp(raw(x), {axis}, keep)); }
Tensor layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps) {
  return wrap(at::layer_norm(raw(x), {raw(x).size(-1)}, maybe(weight), maybe(bias), eps));
}
namespace {
/// Rows [row, width] in one sweep each. @param weight [width] or nullptr
at::Tensor rms_norm_rows(const at::Tensor& x, const float* weight, double eps) {
  constexpr std::int64_t kChains = 16, kGrain = 1 << 14;
  const std::int64_t width = x.size(-1);
  at::Tensor out = at::empty_like(x);
  const float* const from = x.const_data_ptr<float>();
  float* const to = out.mutable_data_ptr<float>();
  parallel_for(x.numel() / width, std::max<std::int64_t>(1, kGrain / width), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      const float* const a = from + row * width;
      float* const y = to + row * width;
      float sums[kChains] = {};
      std::int64_t i = 0;
      for (; i + kChains <= width; i += kChains)
        for (std::int64_t c = 0; c < kChains; ++c) sums[c] += a[i + c] * a[i + c];
      double sum = 0;
      for (; i < width; ++i) sum += static_cast<double>(a[i]) * a[i];
      for (const float s : sums) sum += s;
      const auto scale = static_cast<float>(1 / std::sqrt(sum / static_cast<double>(width) + eps));
      for (i = 0; i < width; ++i) y[i] = weight ? a[i] * scale * weight[i] : a[i] * scale;
    }
  });
  return out;
}
}  // namespace

Tensor rms_norm(const Tensor& x, const Tensor& weight, double eps, double weight_offset) {
  const at::Tensor given = raw(x), factor = raw(weight);
  const bool plain_floats = given.scalar_type() == at::kFloat && given.device().is_cpu() && given.is_contiguous() && given.numel() > 0 &&
                            (!factor.defined() || (factor.scalar_type() == at::kFloat && factor.is_contiguous() && factor.numel() == given.size(-1)));
  if (plain_floats && !c10::GradMode::is_enabled() && weight_offset == 0) return wrap(rms_norm_rows(given, factor.defined() ? factor.const_data_ptr<float>() : nullptr, eps));
  const at::Tensor wide = raw(x).to(at::kFloat);
  at::Tensor y = wide * at::rsqrt(wide.square().mean({-1}, true) + eps);
  if (weight.defined()) y = y * (weight_offset == 0 ? raw(weight) : raw(weight) + weight_offset);
  return wrap(y.to(raw(x).scalar_type()));
}

Tensor sum(const Tensor& x, std::vector<std::int64_t> axes, bool keep) { return wrap(at::sum(raw(x), axes, keep)); }
Tensor mean(const Tensor& x, std::vector<std::int64_t> axes, bool keep) { return wrap(at::mean(raw(x), axes, keep)); }
Tensor sum_all(const Tensor& x) { return wrap(at::sum(raw(x))); }
Tensor mean_all(const Tensor& x) { return wrap(at::mean(raw(x))); }
Tensor amax(const Tensor& x, int axis, bool keep) { return wrap(at::amax(raw(x), {axis}, keep)); }
Tensor amin(const Tensor& x, int axis, bool keep) { return wrap(at::amin(raw(x), {axis}, keep)); }
double max_abs(const Tensor& x) {
  if (x.numel() == 0) return 0;
  const double largest = at::abs(raw(x)).max().to(at::kDouble).item<double>();
  return largest == largest ? largest : std::numeric_limits<double>::infinity();
}
Tensor argmax(const Tensor& x, int axis) { return wrap(at::argmax(raw(x), axis)); }
Tensor argsort(const Tensor& x, int axis, bool descending) { return wrap(at::argsort(raw(x), /*stable=*/true, axis, descending)); }
Tensor cumsum(const Tensor& x, int axis) { return wrap(at::cumsum(raw(x), axis)); }
std::pair<Tensor, Tensor> topk(const Tensor& x, std::int64_t k, int axis) {
  auto [values, indices] = at::topk(raw(x), k, axis, /*largest=*/true, /*sorted=*/true);
  return {wrap(values), wrap(indices)};
}
Tensor norm(const Tensor& x, int axis, bool keep) { return wrap(at::linalg_vector_norm(raw(x), 2, at::IntArrayRef{axis}, keep)); }

Tensor reshape(const Tensor& x, const Shape& shape) { return wrap(raw(x).reshape(shape)); }
Tensor permute(const Tensor& x, const std::vector<std::int64_t>& axes) { return wrap(raw(x).permute(axes)); }
Tensor transpose(const Tensor& x, int a, int b) { return wrap(raw(x).transpose(a, b)); }
Tensor contiguous(const Tensor& x) { return wrap(raw(x).contiguous()); }
Tensor clone(const Tensor& x) { return wrap(raw(x).clone()); }
Tensor expand(const Tensor& x, const Shape& shape) { return wrap(raw(x).expand(shape)); }
Tensor unsqueeze(const Tensor& x, int axis) { return wrap(raw(x).unsqueeze(axis)); }
Tensor squeeze(const Tensor& x, int axis) { return wrap(raw(x).squeeze(axis)); }
Tensor slice(const Tensor& x, int axis, std::int64_t begin, std::int64_t end) { return wrap(raw(x).slice(axis, begin, end)); }
Tensor select(const Tensor& x, int axis, std::int64_t index) { return wrap(raw(x).select(axis, index)); }
Tensor index_select(const Tensor& x, int axis, const Tensor& index) { return wrap(at::index_select(raw(x), axis, raw(index))); }
Tensor index_select(const Tensor& x, int axis, const std::vector<std::int64_t>& index) {
  return index_select(x, axis, Tensor::from_ints(index, {static_cast<std::int64_t>(index.size())}));
}
Tensor gather(const Tensor& x, int axis, const Tensor& index) { return wrap(at::gather(raw(x), axis, raw(index))); }
Tensor cat(const std::vector<Tensor>& parts, int axis) { return wrap(at::cat(raws(parts), axis)); }
Tensor stack(const std::vector<Tensor>& parts, int axis) { return wrap(at::stack(raws(parts), axis)); }
Tensor repeat_interleave(const Tensor& x, std::int64_t times, int axis) { return times == 1 ? x : wrap(raw(x).repeat_interleave(times, axis)); }
Tensor repeat(const Tensor& x, const std::vector<std::int64_t>& times) { return wrap(raw(x).repeat(times)); }
Tensor roll(const Tensor& x, const std::vector<std::int64_t>& shifts, const std::vector<std::int64_t>& axes) { return wrap(at::roll(raw(x), shifts, axes)); }
Tensor flip(const Tensor& x, int axis) { return wrap(at::flip(raw(x), {axis})); }
Tensor pad(const Tensor& x, const std::vector<std::int64_t>& amounts, double value) { return wrap(at::constant_pad_nd(raw(x), amounts, value)); }
Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b) { return wrap(at::where(raw(condition), raw(a), raw(b))); }
Tensor masked_fill(const Tensor& x, const Tensor& mask, double value) { return wrap(raw(x).masked_fill(raw(mask), value)); }
Tensor slice_scatter(const Tensor& x, const Tensor& part, int axis, std::int64_t begin, std::int64_t end) {
  return wrap(at::slice_scatter(raw(x), raw(part), axis, begin, end));
}
Tensor index_copy(const Tensor& x, int axis, const std::vector<std::int64_t>& index, const Tensor& part) {
  const Tensor where_to = Tensor::from_ints(index, {static_cast<std::int64_t>(index.size())});
  return wrap(at::index_copy(raw(x), axis, raw(where_to), raw(part).to(raw(x).scalar_type())));
}

Tensor to(const Tensor& x, DType dtype) { return wrap(raw(x).to(scalar_type(dtype))); }
Tensor zeros(const Shape& shape, DType dtype) { return wrap(at::zeros(shape, scalar_type(dtype))); }
Tensor ones(const Shape& shape, DType dtype) { return wrap(at::ones(shape, scalar_type(dtype))); }
Tensor full(const Shape& shape, double value, DType dtype) { return wrap(at::full(shape, value, scalar_type(dtype))); }
Tensor arange(std::int64_t n, DType dtype) { return wrap(at::arange(n, scalar_type(dtype))); }
Tensor randn(const Shape& shape, std::uint64_t seed) {
  at::Generator generator = at::detail::createCPUGenerator(seed);
  return wrap(at::randn(shape, generator));
}
Tensor equal(const Tensor& a, const Tensor& b) { return wrap(raw(a) == raw(b)); }
Tensor equal(const Tensor& a, double b) { return wrap(raw(a) == b); }
Tensor greater(const Tensor& a, const Tensor& b) { return wrap(raw(a) > raw(b)); }
Tensor less(const Tensor& a, const Tensor& b) { return wrap(raw(a) < raw(b)); }
Tensor greater(const Tensor& a, double b) { return wrap(raw(a) > b); }
Tensor less(const Tensor& a, double b) { return wrap(raw(a) < b); }
Tensor logical_and(const Tensor& a, const Tensor& b) { return wrap(at::logical_and(raw(a), raw(b))); }
Tensor logical_or(const Tensor& a, const Tensor& b) { return wrap(at::logical_or(raw(a), raw(b))); }
Tensor logical_not(const Tensor& a) { return wrap(at::logical_not(raw(a))); }

Tensor embedding(const Tensor& table, const Tensor& ids) {
  return blocks_of(table) ? rows_in_blocks(table, ids) : wrap(at::embedding(raw(table), raw(ids)));
}
Tensor conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias, const Conv2d& how) {
  return wrap(at::conv2d(raw(x), raw(weight), maybe(bias), how.stride, how.padding, how.dilation, how.groups));
}
Tensor conv_transpose2d(const Tensor& x, const Tensor& weight, const Tensor& bias, const Conv2d& how) {
  return wrap(at::conv_transpose2d(raw(x), raw(weight), maybe(bias), how.stride, how.padding, 0, how.groups, how.dilation));
}
Tensor conv1d(const Tensor& x, const Tensor& weight, const Tensor& bias, std::int64_t stride, std::int64_t padding, std::int64_t groups) {
  return wrap(at::conv1d(raw(x), raw(weight), maybe(bias), stride, padding, 1, groups));
}
Tensor batch_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& mean, const Tensor& var, double eps) {
  return wrap(at::batch_norm(raw(x), maybe(weight), maybe(bias), maybe(mean), maybe(var), false, 0, eps, false));
}
Tensor interpolate(const Tensor& x, std::int64_t rows, std::int64_t cols, Interpolation how, bool antialias) {
  const std::vector<std::int64_t> size{rows, cols};
  const at::Tensor t = raw(x);
  if (how == Interpolation::Bicubic)
    return wrap(antialias ? at::_upsample_bicubic2d_aa(t, size, false) : at::upsample_bicubic2d(t, size, false));
  return wrap(antialias ? at::_upsample_bilinear2d_aa(t, size, false) : at::upsample_bilinear2d(t, size, false));
}
Tensor einsum(const char* equation, const std::vector<Tensor>& operands) { return wrap(at::einsum(equation, raws(operands))); }
Tensor logdet_spd(const Tensor& x) {
  const at::Tensor factor = at::linalg_cholesky(raw(x));
  return wrap(2 * at::log(at::diagonal(factor, 0, -2, -1)).sum(-1));
}
Svd svd(const Tensor& x) {
  auto [u, s, vt] = at::linalg_svd(raw(x), /*full_matrices=*/false);
  return {wrap(u), wrap(s), wrap(vt)};
}

Tensor cross_entropy(const Tensor& logits, const Tensor& labels) {
  const at::Tensor log_p = at::log_softmax(raw(logits).to(at::kFloat), -1);
  return wrap(-at::gather(log_p, 1, raw(labels).unsqueeze(1)).squeeze(1));
}

}  // namespace vitrine::engine
