#include "engine/run/machine_speed.h"

#include <algorithm>
#include <chrono>
#include <functional>

#include "engine/tensor/guard.h"
#include "engine/tensor/linear.h"
#include "engine/tensor/ops.h"

namespace vitrine::engine {

namespace {

constexpr std::int64_t kRows = 128, kWidth = 768;
/// More than caches hold.
constexpr std::int64_t kManyValues = std::int64_t{1} << 24;
constexpr std::int64_t kFewValues = std::int64_t{1} << 18;

/// Seconds of the quickest of three, after one that warms up.
double quickest(const std::function<void()>& work) {
  work();
  double best = 1e9;
  for (int i = 0; i < 3; ++i) {
    const auto start = std::chrono::steady_clock::now();
    work();
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return std::max(best, 1e-9);
}

double measure_linear(DType dtype) {
  const InferenceScope no_gradients;
  const PackedLinear layer(to(ones({kWidth, kWidth}), dtype), Tensor());
  const Tensor x = to(ones({kRows, kWidth}), dtype);
  return 2.0 * kRows * kWidth * kWidth / quickest([&] { (void)layer(x); });
}

}  // namespace

double linear_flops_per_second(DType dtype) {
  static const double full = measure_linear(DType::F32);
  if (dtype != DType::BF16) return full;
  static const double half = measure_linear(DType::BF16);
  return half;
}

double exponentials_per_second() {
  static const double speed = [] {
    const InferenceScope no_gradients;
    const Tensor x = zeros({kFewValues}, DType::F32);
    return static_cast<double>(kFewValues) / quickest([&] { (void)exp(x); });
  }();
  return speed;
}

double memory_bytes_per_second() {
  static const double speed = [] {
    const InferenceScope no_gradients;
    const Tensor x = ones({kManyValues});
    return 4.0 * static_cast<double>(kManyValues) / quickest([&] { (void)sum(x, {0}); });
  }();
  return speed;
}

}  // namespace vitrine::engine
