#include "plugins/whitebox/coding_rate.h"

#include "engine/tensor/ops.h"

namespace vitrine::plugins {

using engine::Tensor;

namespace {

Tensor identity(std::int64_t n) {
  std::vector<float> values(static_cast<std::size_t>(n * n), 0.0F);
  for (std::int64_t i = 0; i < n; ++i) values[static_cast<std::size_t>(i * n + i)] = 1;
  return to(Tensor::from_floats(values, {n, n}), engine::DType::F64);
}

/// [batch, head, token, d], float64, tokens of length 1; a zero vector stays zero.
Tensor directions(const Tensor& projected) {
  const Tensor x = to(permute(projected, {0, 2, 1, 3}), engine::DType::F64);
  return x / clamp(norm(x, -1, true), 1e-12, 1e300);
}

Tensor rate(const Tensor& gram, double scale) {
  return sum(logdet_spd(identity(gram.size(-1)) + gram * scale), {1}) * 0.5;
}

double scale_of(const Tensor& x, double eps_squared) { return static_cast<double>(x.size(3)) / (static_cast<double>(x.size(2)) * eps_squared); }

}  // namespace

Tensor coding_rate(const Tensor& projected, double eps_squared) {
  const Tensor x = directions(projected);
  return rate(matmul(transpose(x, -1, -2), x), scale_of(x, eps_squared));
}

Tensor coding_rate_by_tokens(const Tensor& projected, double eps_squared) {
  const Tensor x = directions(projected);
  return rate(matmul(x, transpose(x, -1, -2)), scale_of(x, eps_squared));
}

Tensor nonzero_share(const Tensor& x) {
  const Tensor rows = reshape(x, {x.size(0), x.numel() / x.size(0)});
  return mean(to(logical_not(equal(rows, 0.0)), engine::DType::F64), {1});
}

}  // namespace vitrine::plugins
