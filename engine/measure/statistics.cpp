#include "engine/measure/statistics.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "engine/tensor/guard.h"
#include "engine/tensor/ops.h"

namespace vitrine::engine {

double entropy(std::span<const float> p) {
  double h = 0;
  for (const float x : p)
    if (x > 0) h -= static_cast<double>(x) * std::log(static_cast<double>(x));
  return h;
}

double kl_divergence(std::span<const double> log_p, std::span<const double> log_q) {
  double sum = 0;
  for (std::size_t i = 0; i < log_p.size(); ++i) {
    const double p = std::exp(log_p[i]);
    if (p > 0) sum += p * (log_p[i] - log_q[i]);
  }
  return sum;
}

double js_divergence(std::span<const double> log_p, std::span<const double> log_q) {
  double sum = 0;
  for (std::size_t i = 0; i < log_p.size(); ++i) {
    const double p = std::exp(log_p[i]), q = std::exp(log_q[i]), m = std::log(0.5 * (p + q));
    if (p > 0) sum += 0.5 * p * (log_p[i] - m);
    if (q > 0) sum += 0.5 * q * (log_q[i] - m);
  }
  return sum;
}

std::vector<double> log_softmax_of(std::span<const float> logits) {
  const double top = logits.empty() ? 0 : *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float x : logits) sum += std::exp(x - top);
  std::vector<double> out(logits.size());
  const double shift = top + std::log(sum);
  for (std::size_t i = 0; i < logits.size(); ++i) out[i] = logits[i] - shift;
  return out;
}

std::vector<std::int64_t> top_indices(std::span<const float> values, std::int64_t k) {
  std::vector<std::int64_t> order(values.size());
  std::iota(order.begin(), order.end(), 0);
  const auto n = std::min<std::size_t>(static_cast<std::size_t>(std::max<std::int64_t>(0, k)), order.size());
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(n), order.end(), [&](std::int64_t a, std::int64_t b) {
    const float x = values[static_cast<std::size_t>(a)], y = values[static_cast<std::size_t>(b)];
    return x != y ? x > y : a < b;
  });
  order.resize(n);
  return order;
}

std::int64_t rank_of(std::span<const float> values, std::int64_t index) {
  const float x = values[static_cast<std::size_t>(index)];
  return 1 + std::count_if(values.begin(), values.end(), [&](float v) { return v > x; });
}

namespace {
std::vector<double> ranks(std::span<const double> values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](auto a, auto b) { return values[a] < values[b]; });
  std::vector<double> out(values.size());
  for (std::size_t i = 0; i < order.size();) {
    std::size_t j = i;
    while (j < order.size() && values[order[j]] == values[order[i]]) ++j;
    for (std::size_t k = i; k < j; ++k) out[order[k]] = 0.5 * static_cast<double>(i + j - 1);
    i = j;
  }
  return out;
}
}  // namespace

double spearman(std::span<const double> a, std::span<const double> b) {
  const auto ra = ranks(a), rb = ranks(b);
  const double n = static_cast<double>(ra.size()), middle = (n - 1) / 2;
  double ab = 0, aa = 0, bb = 0;
  for (std::size_t i = 0; i < ra.size(); ++i) {
    ab += (ra[i] - middle) * (rb[i] - middle);
    aa += (ra[i] - middle) * (ra[i] - middle);
    bb += (rb[i] - middle) * (rb[i] - middle);
  }
  return aa > 0 && bb > 0 ? ab / std::sqrt(aa * bb) : 0;
}

Pca principal_components(std::span<const float> rows, std::int64_t n, std::int64_t width, int components) {
  Pca out;
  const int k = std::min<int>(components, static_cast<int>(std::min(n, width)));
  out.projected.assign(static_cast<std::size_t>(n * components), 0.F);
  out.explained.assign(static_cast<std::size_t>(components), 0.0);
  if (k <= 0) return out;
  const InferenceScope no_gradients;
  Tensor x = to(Tensor::from_floats(rows, {n, width}), DType::F64);
  x = x - mean(x, {0}, true);
  const Svd parts = svd(x);
  const Tensor scores = parts.u * unsqueeze(parts.s, 0);
  const auto s = parts.s.to_floats();
  double total = 0;
  for (const float v : s) total += static_cast<double>(v) * v;
  const auto all = scores.to_floats();
  const auto stride = static_cast<std::int64_t>(s.size());
  for (int c = 0; c < k; ++c) {
    out.explained[static_cast<std::size_t>(c)] = total > 0 ? static_cast<double>(s[static_cast<std::size_t>(c)]) * s[static_cast<std::size_t>(c)] / total : 0;
    // The sign of a component is arbitrary; the largest entry is made positive so that pictures repeat.
    std::int64_t top = 0;
    for (std::int64_t i = 1; i < n; ++i)
      if (std::abs(all[static_cast<std::size_t>(i * stride + c)]) > std::abs(all[static_cast<std::size_t>(top * stride + c)])) top = i;
    const float sign = all[static_cast<std::size_t>(top * stride + c)] < 0 ? -1.F : 1.F;
    for (std::int64_t i = 0; i < n; ++i) out.projected[static_cast<std::size_t>(i * components + c)] = sign * all[static_cast<std::size_t>(i * stride + c)];
  }
  return out;
}

}  // namespace vitrine::engine
