#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>

#include "engine/measure/tensor_scan.h"

#if defined(__x86_64__) && !defined(__clang__)
#include <immintrin.h>
#endif

namespace vitrine::engine {
namespace {

constexpr std::size_t kPiece = std::size_t{1} << 15;   ///< values of one pass, still in the cache if they are read again
constexpr std::size_t kLanes = 16, kHalf = kLanes / 2;

using Floats = float __attribute__((vector_size(4 * kHalf)));
using Doubles = double __attribute__((vector_size(8 * kHalf)));
using Ints = std::int32_t __attribute__((vector_size(4 * kHalf)));
using Halves = std::uint16_t __attribute__((vector_size(2 * kHalf)));

/// What one pass over values finds, where all of them are finite.
struct Found {
  double sum = 0, squares = 0;
  float lowest = std::numeric_limits<float>::infinity(), highest = -std::numeric_limits<float>::infinity();
  std::uint64_t zeros = 0;
};

#if defined(__x86_64__) && !defined(__clang__)
#define VITRINE_WIDE __attribute__((target("avx512f,avx512bw,popcnt")))
#define VITRINE_FOR_EACH_PROCESSOR __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define VITRINE_FOR_EACH_PROCESSOR
#endif
#define VITRINE_INSIDE inline __attribute__((always_inline))

VITRINE_INSIDE void load(const float* values, Floats& x) { std::memcpy(&x, values, sizeof x); }
VITRINE_INSIDE void load(const BFloat16* values, Floats& x) {
  Halves halves;
  std::memcpy(&halves, values, sizeof halves);
  const Ints bits = __builtin_convertvector(halves, Ints) << 16;
  std::memcpy(&x, &bits, sizeof x);
}

template <class T>
VITRINE_INSIDE void look_at(const T* values, std::size_t count, Found& out) {
  Doubles sums[2] = {}, squares[2] = {};
  Floats lowest[2], highest[2];
  Ints zeros[2] = {};
  for (std::size_t half = 0; half < 2; ++half) {
    load(values, lowest[half]);
    highest[half] = lowest[half];
  }
  for (std::size_t i = 0; i < count; i += kLanes)
    for (std::size_t half = 0; half < 2; ++half) {
      Floats x;
      load(values + i + half * kHalf, x);
      const Doubles wide = __builtin_convertvector(x, Doubles);
      sums[half] += wide;
      squares[half] += wide * wide;
      lowest[half] = x < lowest[half] ? x : lowest[half];
      highest[half] = x > highest[half] ? x : highest[half];
      zeros[half] -= x == 0;
    }
  for (std::size_t half = 0; half < 2; ++half)
    for (std::size_t lane = 0; lane < kHalf; ++lane) {
      out.sum += sums[half][lane];
      out.squares += squares[half][lane];
      out.lowest = std::min(out.lowest, lowest[half][lane]);
      out.highest = std::max(out.highest, highest[half][lane]);
      out.zeros += static_cast<std::uint64_t>(zeros[half][lane]);
    }
}

template <class T>
VITRINE_INSIDE double squares_about(const T* values, std::size_t count, double mean) {
  Doubles squares[2] = {};
  for (std::size_t i = 0; i < count; i += kLanes)
    for (std::size_t half = 0; half < 2; ++half) {
      Floats x;
      load(values + i + half * kHalf, x);
      const Doubles apart = __builtin_convertvector(x, Doubles) - mean;
      squares[half] += apart * apart;
    }
  double all = 0;
  for (const Doubles& half : squares)
    for (std::size_t lane = 0; lane < kHalf; ++lane) all += half[lane];
  return all;
}

// Of all: `count` is a multiple of `kLanes`.
VITRINE_FOR_EACH_PROCESSOR void first_pass(const float* values, std::size_t count, Found& out) { look_at(values, count, out); }
VITRINE_FOR_EACH_PROCESSOR void first_pass_plain(const BFloat16* values, std::size_t count, Found& out) { look_at(values, count, out); }
VITRINE_FOR_EACH_PROCESSOR double second_pass(const float* values, std::size_t count, double mean) { return squares_about(values, count, mean); }
VITRINE_FOR_EACH_PROCESSOR double second_pass(const BFloat16* values, std::size_t count, double mean) { return squares_about(values, count, mean); }

#ifdef VITRINE_WIDE

VITRINE_WIDE VITRINE_INSIDE void add_to(__m512 x, __m512d* sums, __m512d* squares) {
  const __m512d low = _mm512_cvtps_pd(_mm512_castps512_ps256(x));
  const __m512d high = _mm512_cvtps_pd(_mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd(x), 1)));
  sums[0] = _mm512_add_pd(sums[0], low);
  sums[1] = _mm512_add_pd(sums[1], high);
  squares[0] = _mm512_fmadd_pd(low, low, squares[0]);
  squares[1] = _mm512_fmadd_pd(high, high, squares[1]);
}

/// 32 values at a time: a word of two becomes two floats without any shuffle, as their order does not matter.
/// @param count a multiple of 32, not 0
VITRINE_WIDE void first_pass_wide(const BFloat16* values, std::size_t count, Found& out) {
  __m512d sums[4], squares[4];
  for (int i = 0; i < 4; ++i) sums[i] = squares[i] = _mm512_setzero_pd();
  const __m512i upper = _mm512_set1_epi32(static_cast<int>(0xFFFF0000U)), magnitude = _mm512_set1_epi16(0x7FFF);
  __m512 lowest[2], highest[2];
  std::uint64_t zeros = 0;
  for (int i = 0; i < 2; ++i) {
    lowest[i] = _mm512_set1_ps(std::numeric_limits<float>::infinity());
    highest[i] = _mm512_set1_ps(-std::numeric_limits<float>::infinity());
  }
  for (std::size_t i = 0; i < count; i += 2 * kLanes) {
    const __m512i words = _mm512_loadu_si512(values + i);
    const __m512 even = _mm512_castsi512_ps(_mm512_slli_epi32(words, 16)), odd = _mm512_castsi512_ps(_mm512_and_si512(words, upper));
    add_to(even, sums, squares);
    add_to(odd, sums + 2, squares + 2);
    lowest[0] = _mm512_min_ps(lowest[0], even);
    lowest[1] = _mm512_min_ps(lowest[1], odd);
    highest[0] = _mm512_max_ps(highest[0], even);
    highest[1] = _mm512_max_ps(highest[1], odd);
    zeros += static_cast<std::uint64_t>(__builtin_popcount(_mm512_testn_epi16_mask(words, magnitude)));
  }
  out.zeros += zeros;
  out.sum += _mm512_reduce_add_pd(_mm512_add_pd(_mm512_add_pd(sums[0], sums[1]), _mm512_add_pd(sums[2], sums[3])));
  out.squares += _mm512_reduce_add_pd(_mm512_add_pd(_mm512_add_pd(squares[0], squares[1]), _mm512_add_pd(squares[2], squares[3])));
  out.lowest = std::min(out.lowest, _mm512_reduce_min_ps(_mm512_min_ps(lowest[0], lowest[1])));
  out.highest = std::max(out.highest, _mm512_reduce_max_ps(_mm512_max_ps(highest[0], highest[1])));
}

#endif

void first_pass(const BFloat16* values, std::size_t count, Found& out) {
  std::size_t done = 0;
#ifdef VITRINE_WIDE
  static const bool wide = __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("popcnt");
  if (wide) done = count / (2 * kLanes) * (2 * kLanes);
  if (done > 0) first_pass_wide(values, done, out);
#endif
  if (done < count) first_pass_plain(values + done, count - done, out);
}

/// Any values, one by one.
template <class T>
ValueStatistics plainly(std::span<const T> values) {
  ValueStatistics s;
  s.count = values.size();
  double sum = 0, lowest = std::numeric_limits<double>::infinity(), highest = -lowest;
  for (const T value : values) {
    const auto v = static_cast<float>(value);
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
  for (const T value : values)
    if (const auto v = static_cast<float>(value); std::isfinite(v)) s.squares += (v - s.mean) * (v - s.mean);
  return s;
}

/// A multiple of `kLanes` values that may all be finite.
template <class T>
ValueStatistics quickly(std::span<const T> values) {
  Found found;
  first_pass(values.data(), values.size(), found);
  // Finite floats cannot add up to more than a double holds: one that is not finite is seen in the sum.
  if (!std::isfinite(found.sum)) return plainly(values);
  ValueStatistics s;
  s.count = values.size();
  s.zeros = found.zeros;
  s.min = found.lowest;
  s.max = found.highest;
  s.mean = found.sum / static_cast<double>(values.size());
  s.squares = found.squares - found.sum * s.mean;
  // Far from zero the difference loses digits; up to here at most ten of its 53 bits.
  if (s.squares < found.squares / 1024) s.squares = second_pass(values.data(), values.size(), s.mean);
  return s;
}

template <class T>
void add_pieces(ValueStatistics& to, std::span<const T> values) {
  while (!values.empty()) {
    const std::size_t lanes = std::min(kPiece, values.size() / kLanes * kLanes);
    const std::span<const T> piece = values.first(lanes > 0 ? lanes : values.size());
    to.join(lanes > 0 ? quickly(piece) : plainly(piece));
    values = values.subspan(piece.size());
  }
}

}  // namespace

double ValueStatistics::deviation() const {
  return finite() == 0 ? 0 : std::sqrt(std::max(0.0, squares / static_cast<double>(finite())));
}

void ValueStatistics::add(std::span<const float> values) { add_pieces(*this, values); }
void ValueStatistics::add(std::span<const BFloat16> values) { add_pieces(*this, values); }

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
