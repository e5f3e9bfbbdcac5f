#include "engine/tensor/bf16_kernel.h"

#include <algorithm>
#include <cstring>

#if defined(__x86_64__) && !defined(__clang__)
#include <immintrin.h>
#define VITRINE_BF16_KERNEL __attribute__((target("avx512f,avx512bw,avx512vl,avx512bf16,fma"))) inline __attribute__((always_inline))
#endif

namespace vitrine::engine {

#ifdef VITRINE_BF16_KERNEL

namespace {

constexpr int kVectors = 3, kLanes = 16;   // of a panel's columns
static_assert(kVectors * kLanes == Bf16Panels::kColumns);
constexpr std::int64_t kStretch = 16;      // pairs between two looks at what is to be fetched

using Ints = std::int32_t __attribute__((vector_size(64)));

VITRINE_BF16_KERNEL __m512 all(float x) { return _mm512_set1_ps(x); }

/// e^x with x held between -87 and 88, where e^x and its inverse are numbers: x = n ln 2 + r, e^r by a polynomial. The power of two
/// goes into the exponent as an integer.
VITRINE_BF16_KERNEL __m512 exp_of(__m512 x) {
  x = x > 88.0F ? all(88.0F) : x;
  x = x < -87.0F ? all(-87.0F) : x;
  const __m512 shifted = x * 1.44269504F + 12582912.0F, n = shifted - 12582912.0F;   // 1.5 * 2^23: rounds to a whole number
  const __m512 r = (x - n * 0.693359375F) + n * 2.12194440e-4F;
  __m512 p = all(1.9875691500e-4F);
  for (const float c : {1.3981999507e-3F, 8.3334519073e-3F, 4.1665795894e-2F, 1.6666665459e-1F, 5.0000001201e-1F, 1.0F, 1.0F}) p = p * r + c;
  return reinterpret_cast<__m512>(reinterpret_cast<Ints>(p) + (reinterpret_cast<Ints>(shifted) << 23));
}

/// x / (1 + e^-2u) = x (1 + tanh u) / 2 with u = sqrt(2 / pi) (x + 0.044715 x^3).
VITRINE_BF16_KERNEL __m512 gelu_tanh(__m512 x) { return x / (exp_of(-1.5957691216F * x * (x * x * 0.044715F + 1.0F)) + 1.0F); }

/// x (1 + erf(x / sqrt 2)) / 2; erf to 1.5e-7 (Abramowitz and Stegun 1964, 7.1.26).
VITRINE_BF16_KERNEL __m512 gelu_erf(__m512 x) {
  const __m512 z = (x < 0.0F ? -x : x) * 0.70710678F, t = 1.0F / (z * 0.3275911F + 1.0F);
  __m512 p = all(1.061405429F);
  for (const float c : {-1.453152027F, 1.421413741F, -0.284496736F, 0.254829592F}) p = p * t + c;
  const __m512 half = 0.5F * p * t * exp_of(-z * z);   // (1 - erf z) / 2
  return x * (x < 0.0F ? half : 1.0F - half);
}

VITRINE_BF16_KERNEL __m512 activated(__m512 x, Epilogue epilogue) {
  switch (epilogue) {
    case Epilogue::Gelu: return gelu_erf(x);
    case Epilogue::GeluTanh: return gelu_tanh(x);
    case Epilogue::Relu: return x < 0.0F ? all(0.0F) : x;
    case Epilogue::None: break;
  }
  return x;
}

VITRINE_BF16_KERNEL __m512bh pair_of(const std::uint16_t* x) {
  std::int32_t two;
  std::memcpy(&two, x, sizeof two);
  return reinterpret_cast<__m512bh>(_mm512_set1_epi32(two));
}

VITRINE_BF16_KERNEL __m512bh loaded(const std::uint16_t* w) { return reinterpret_cast<__m512bh>(_mm512_loadu_si512(w)); }

template <int kRows>
VITRINE_BF16_KERNEL void rows_of(const Bf16Tile& t) {
  __m512 sum[kRows][kVectors];
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 3
    for (int v = 0; v < kVectors; ++v) sum[r][v] = _mm512_loadu_ps(t.bias + v * kLanes);
  const std::int64_t stretches = (t.pairs + kStretch - 1) / kStretch, step = (t.ahead_bytes / 64 + stretches - 1) / stretches * 64;
  const char* ahead = t.ahead;
  const char* const ahead_end = t.ahead + t.ahead_bytes;
  const std::uint16_t *x = t.x, *w = t.panel;
  for (std::int64_t first = 0; first < t.pairs; first += kStretch) {
    for (const char* end = std::min(ahead_end, ahead + step); ahead < end; ahead += 64) _mm_prefetch(ahead, _MM_HINT_T1);
    const std::int64_t last = std::min(t.pairs, first + kStretch);
    for (std::int64_t i = first; i < last; ++i, x += 2, w += 2 * Bf16Panels::kColumns) {
      const __m512bh w0 = loaded(w), w1 = loaded(w + 2 * kLanes), w2 = loaded(w + 4 * kLanes);
#pragma GCC unroll 8
      for (int r = 0; r < kRows; ++r) {
        const __m512bh b = pair_of(x + r * t.stride);
        sum[r][0] = _mm512_dpbf16_ps(sum[r][0], b, w0);
        sum[r][1] = _mm512_dpbf16_ps(sum[r][1], b, w1);
        sum[r][2] = _mm512_dpbf16_ps(sum[r][2], b, w2);
      }
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 3
    for (int v = 0; v < kVectors; ++v) {
      const std::int64_t wanted = std::clamp<std::int64_t>(t.columns - v * kLanes, 0, kLanes);
      const __m256i y = reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(activated(sum[r][v], t.epilogue)));
      _mm256_mask_storeu_epi16(t.y + r * t.y_stride + v * kLanes, static_cast<__mmask16>((1U << wanted) - 1), y);
    }
}

__attribute__((target("avx512f,avx512bw,avx512vl,avx512bf16,fma"))) void tile(const Bf16Tile& t, int rows) {
  switch (rows) {
    case 1: return rows_of<1>(t);
    case 2: return rows_of<2>(t);
    case 3: return rows_of<3>(t);
    case 4: return rows_of<4>(t);
    case 5: return rows_of<5>(t);
    case 6: return rows_of<6>(t);
    case 7: return rows_of<7>(t);
    default: return rows_of<8>(t);
  }
}

}  // namespace

Bf16TileKernel bf16_tile() {
  static const bool here = __builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
  return here ? tile : nullptr;
}

#else

Bf16TileKernel bf16_tile() { return nullptr; }

#endif

}  // namespace vitrine::engine
