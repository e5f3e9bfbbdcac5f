#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>

#include "engine/measure/tensor_scan.h"

namespace vitrine::engine {
namespace {

constexpr std::size_t kPiece = std::size_t{1} << 15;   ///< values read twice: 128 KB
constexpr std::size_t kLanes = 16;

using Floats = float __attribute__((vector_size(4 * kLanes / 2)));
using Doubles = double __attribute__((vector_size(8 * kLanes / 2)));
using Ints = std::int32_t __attribute__((vector_size(4 * kLanes / 2)));

/// What the first pass over values finds, where all of them are finite.
struct First {
  double sum = 0;
  float lowest = std::numeric_limits<float>::infinity(), highest = -std::numeric_limits<float>::infinity();
  std::uint64_t zeros = 0;
};

#if defined(__x86_64__) && !defined(__clang__)
#define VITRINE_FOR_EACH_PROCESSOR __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define VITRINE_FOR_EACH_PROCESSOR
#endif

/// @param count a multiple of `kLanes`
VITRINE_FOR_EACH_PROCESSOR
void first_pass(const float* values, std::size_t count, First& out) {
  constexpr std::size_t kHalf = kLanes / 2;
  Doubles sums[2] = {};
  Floats lowest[2], highest[2];
  Ints zeros[2] = {};
  for (int half = 0; half < 2; ++half) {
    std::memcpy(&lowest[half], values, sizeof(Floats));
    highest[half] = lowest[half];
  }
  for (std::size_t i = 0; i < count; i += kLanes)
    for (int half = 0; half < 2; ++half) {
      Floats x;
      std::memcpy(&x, values + i + static_cast<std::size_t>(half) * kHalf, sizeof x);
      sums[half] += __builtin_convertvector(x, Doubles);
      lowest[half] = x < lowest[half] ? x : lowest[half];
      highest[half] = x > highest[half] ? x : highest[half];
      zeros[half] -= x == 0;
    }
  for (int half = 0; half < 2; ++half)
    for (std::size_t lane = 0; lane < kHalf; ++lane) {
      out.sum += sums[half][lane];
      out.lowest = std::min(out.lowest, lowest[half][lane]);
      out.highest = std::max(out.highest, highest[half][lane]);
      out.zeros += static_cast<std::uint64_t>(zeros[half][lane]);
    }
}

/// Squared distances from `mean`. @param count a multiple of `kLanes`
VITRINE_FOR_EACH_PROCESSOR
double second_pass(const float* values, std::size_t count, double mean) {
  constexpr std::size_t kHalf = kLanes / 2;
  Doubles squares[2] = {};
  for (std::size_t i = 0; i < count; i += kLanes)
    for (int half = 0; half < 2; ++half) {
      Floats x;
      std::memcpy(&x, values + i + static_cast<std::size_t>(half) * kHalf, sizeof x);
      const Doubles apart = __builtin_convertvector(x, Doubles) - mean;
      squares[half] += apart * apart;
    }
  double all = 0;
  for (const Doubles& half : squares)
    for (std::size_t lane = 0; lane < kHalf; ++lane) all += half[lane];
  return all;
}

/// Any values, one by one.
ValueStatistics plainly(std::span<const float> values) {
  ValueStatistics s;
  s.count = values.size();
  double sum = 0, lowest = std::numeric_limits<double>::infinity(), highest = -lowest;
  for (const float v : values) {
    if (std::isfinite(v)) {
      sum += v;
      lowest = std::min<double>(lowest, v);
      highest = std::max<double>(highest, v);
      s.zeros += v == 0;
    } else {
      ++(std::isnan(v) ? s.nan : s.infinite);
    }
  }
  if (s.finite() == 0) return s;
  s.mean = sum / static_cast<double>(s.finite());
  s.min = lowest;
  s.max = highest;
  for (const float v : values)
    if (std::isfinite(v)) s.squares += (v - s.mean) * (v - s.mean);
  return s;
}

/// A multiple of `kLanes` values that may all be finite.
ValueStatistics quickly(std::span<const float> values) {
  First first;
  first_pass(values.data(), values.size(), first);
  // Finite floats cannot add up to more than a double holds: one that is not finite is seen in the sum.
  if (!std::isfinite(first.sum)) return plainly(values);
  ValueStatistics s;
  s.count = values.size();
  s.zeros = first.zeros;
  s.min = first.lowest;
  s.max = first.highest;
  s.mean = first.sum / static_cast<double>(values.size());
  s.squares = second_pass(values.data(), values.size(), s.mean);
  return s;
}

}  // namespace

double ValueStatistics::deviation() const {
  return finite() == 0 ? 0 : std::sqrt(std::max(0.0, squares / static_cast<double>(finite())));
}

void ValueStatistics::add(std::span<const float> values) {
  while (!values.empty()) {
    const std::size_t lanes = std::min(kPiece, values.size() / kLanes * kLanes);
    const std::span<const float> piece = values.first(lanes > 0 ? lanes : values.size());
    join(lanes > 0 ? quickly(piece) : plainly(piece));
    values = values.subspan(piece.size());
  }
}

void ValueStatistics::join(const ValueStatistics& other) {
  const auto before = static_cast<double>(finite()), more = static_cast<double>(other.finite());
  count += other.count;
  zeros += other.zeros;
  nan += other.nan;
  infinite += other.infinite;
  if (more == 0) return;
  const double total = before + more, apart = other.mean - mean;
  squares += other.squares + apart * apart * before * more / total;
  mean += apart * more / total;
  min = before == 0 ? other.min : std::min(min, other.min);
  max = before == 0 ? other.max : std::max(max, other.max);
}

}  // namespace vitrine::engine
