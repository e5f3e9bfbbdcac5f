#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "engine/tensor/tensor.h"

/// Operations on tensors, in the spelling of the field. They throw on misuse; `guard` at the border of a run
/// turns that into an Error. Axes may be negative. Broadcasting as in libtorch.
namespace vitrine::engine {

Tensor operator+(const Tensor& a, const Tensor& b);
Tensor operator-(const Tensor& a, const Tensor& b);
Tensor operator*(const Tensor& a, const Tensor& b);
Tensor operator/(const Tensor& a, const Tensor& b);
Tensor operator+(const Tensor& a, double b);
Tensor operator-(const Tensor& a, double b);
Tensor operator*(const Tensor& a, double b);
Tensor operator/(const Tensor& a, double b);

Tensor matmul(const Tensor& a, const Tensor& b);
/// A whole number keeps an integer tensor integer; otherwise the result is floating.
/// x W^T + b; W [out, in]; bias may be undefined.
Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias);

Tensor exp(const Tensor& x);
Tensor log(const Tensor& x);
Tensor sqrt(const Tensor& x);
Tensor rsqrt(const Tensor& x);
Tensor square(const Tensor& x);
Tensor abs(const Tensor& x);
Tensor sin(const Tensor& x);
Tensor cos(const Tensor& x);
Tensor floor(const Tensor& x);
Tensor pow(const Tensor& x, double exponent);
Tensor clamp(const Tensor& x, double low, double high);
Tensor maximum(const Tensor& a, const Tensor& b);
Tensor minimum(const Tensor& a, const Tensor& b);

Tensor relu(const Tensor& x);
Tensor gelu(const Tensor& x, bool tanh_form = false);
Tensor silu(const Tensor& x);
Tensor sigmoid(const Tensor& x);
Tensor tanh(const Tensor& x);
Tensor softplus(const Tensor& x);

Tensor softmax(const Tensor& x, int axis);
Tensor log_softmax(const Tensor& x, int axis);
Tensor logsumexp(const Tensor& x, int axis, bool keep = false);
Tensor layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps);
/// x / sqrt(mean(x^2) + eps) * (weight + offset), computed in float32.
Tensor rms_norm(const Tensor& x, const Tensor& weight, double eps, double weight_offset = 0);

Tensor sum(const Tensor& x, std::vector<std::int64_t> axes, bool keep = false);
Tensor mean(const Tensor& x, std::vector<std::int64_t> axes, bool keep = false);
Tensor sum_all(const Tensor& x);
Tensor mean_all(const Tensor& x);
Tensor amax(const Tensor& x, int axis, bool keep = false);
Tensor amin(const Tensor& x, int axis, bool keep = false);
/// Infinity if any entry is not a number, so that no comparison with a bound can pass over it.
double max_abs(const Tensor& x);
Tensor argmax(const Tensor& x, int axis);
Tensor argsort(const Tensor& x, int axis, bool descending = false);
Tensor cumsum(const Tensor& x, int axis);
/// Values and indices, best first.
std::pair<Tensor, Tensor> topk(const Tensor& x, std::int64_t k, int axis);
Tensor norm(const Tensor& x, int axis, bool keep = false);

Tensor reshape(const Tensor& x, const Shape& shape);
Tensor permute(const Tensor& x, const std::vector<std::int64_t>& axes);
Tensor transpose(const Tensor& x, int a, int b);
Tensor contiguous(const Tensor& x);
Tensor clone(const Tensor& x);
Tensor expand(const Tensor& x, const Shape& shape);
Tensor unsqueeze(const Tensor& x, int axis);
Tensor squeeze(const Tensor& x, int axis);
Tensor slice(const Tensor& x, int axis, std::int64_t begin, std::int64_t end);
Tensor select(const Tensor& x, int axis, std::int64_t index);
Tensor index_select(const Tensor& x, int axis, const Tensor& index);
Tensor index_select(const Tensor& x, int axis, const std::vector<std::int64_t>& index);
Tensor gather(const Tensor& x, int axis, const Tensor& index);
Tensor cat(const std::vector<Tensor>& parts, int axis);
Tensor stack(const std::vector<Tensor>& parts, int axis);
Tensor repeat_interleave(const Tensor& x, std::int64_t times, int axis);
Tensor repeat(const Tensor& x, const std::vector<std::int64_t>& times);
Tensor roll(const Tensor& x, const std::vector<std::int64_t>& shifts, const std::vector<std::int64_t>& axes);
Tensor flip(const Tensor& x, int axis);
/// Zero padding, last axis first: {left, right, top, bottom, ...}.
Tensor pad(const Tensor& x, const std::vector<std::int64_t>& amounts, double value = 0);
Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b);
Tensor masked_fill(const Tensor& x, const Tensor& mask, double value);
/// A copy of x whose slice [begin, end) of `axis` is `part`.
Tensor slice_scatter(const Tensor& x, const Tensor& part, int axis, std::int64_t begin, std::int64_t end);
Tensor index_copy(const Tensor& x, int axis, const std::vector<std::int64_t>& index, const Tensor& part);

Tensor to(const Tensor& x, DType dtype);
Tensor zeros(const Shape& shape, DType dtype = DType::F32);
Tensor ones(const Shape& shape, DType dtype = DType::F32);
Tensor full(const Shape& shape, double value, DType dtype = DType::F32);
Tensor arange(std::int64_t n, DType dtype = DType::I64);
/// Repeatable: the same seed gives the same values.
Tensor randn(const Shape& shape, std::uint64_t seed);
Tensor equal(const Tensor& a, const Tensor& b);
Tensor equal(const Tensor& a, double b);
Tensor greater(const Tensor& a, const Tensor& b);
Tensor less(const Tensor& a, const Tensor& b);
Tensor greater(const Tensor& a, double b);
Tensor less(const Tensor& a, double b);
Tensor logical_and(const Tensor& a, const Tensor& b);
Tensor logical_or(const Tensor& a, const Tensor& b);
Tensor logical_not(const Tensor& a);

Tensor embedding(const Tensor& table, const Tensor& ids);
struct Conv2d {
  std::vector<std::int64_t> stride{1, 1}, padding{0, 0}, dilation{1, 1};
  std::int64_t groups = 1;
};
Tensor conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias, const Conv2d& how);
Tensor conv_transpose2d(const Tensor& x, const Tensor& weight, const Tensor& bias, const Conv2d& how);
Tensor conv1d(const Tensor& x, const Tensor& weight, const Tensor& bias, std::int64_t stride, std::int64_t padding, std::int64_t groups);
/// Inference form: (x - mean) / sqrt(var + eps) * weight + bias over axis 1.
Tensor batch_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& mean, const Tensor& var, double eps);
enum class Interpolation { Bilinear, Bicubic };
/// [batch, channel, row, col] to rows x cols, half-pixel centres; `antialias` as in timm's position grids.
Tensor interpolate(const Tensor& x, std::int64_t rows, std::int64_t cols, Interpolation how, bool antialias = false);
Tensor einsum(const char* equation, const std::vector<Tensor>& operands);
/// log det of symmetric positive definite matrices [..., n, n], by Cholesky.
Tensor logdet_spd(const Tensor& x);
/// Thin SVD: U, S, V^T.
struct Svd { Tensor u, s, vt; };
Svd svd(const Tensor& x);

/// Mean or per-row cross entropy: logits [n, class], labels [n] -> [n] nats.
Tensor cross_entropy(const Tensor& logits, const Tensor& labels);

/// A copy that records gradients.
Tensor with_gradient(const Tensor& x);
/// d sum(of) / d each; undefined where it does not depend on it.
std::vector<Tensor> gradients(const Tensor& of, const std::vector<Tensor>& inputs);

}  // namespace vitrine::engine
