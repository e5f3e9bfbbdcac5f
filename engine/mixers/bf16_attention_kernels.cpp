#include "engine/mixers/bf16_attention_kernels.h"

#include <cstring>

#include "engine/mixers/attention_kernels.h"
#include "engine/mixers/score_kernels.h"

#if defined(__x86_64__) && !defined(__clang__)
#include <immintrin.h>
#define VITRINE_BF16 __attribute__((target("avx512f,avx512bw,avx512vl,avx512bf16")))
#endif

namespace vitrine::engine {

#ifdef VITRINE_BF16

namespace {

constexpr int kRows = static_cast<int>(kQueryLanes);
constexpr std::int64_t kWide = 16;   // pairs, or floats, of one vector
static_assert(kValueColumns == 2 * kWide);

VITRINE_BF16 inline __attribute__((always_inline)) __m512bh pair_of(const void* x) {
  std::int32_t two;
  std::memcpy(&two, x, sizeof two);
  return reinterpret_cast<__m512bh>(_mm512_set1_epi32(two));
}
VITRINE_BF16 inline __attribute__((always_inline)) __m512bh loaded(const void* x) { return reinterpret_cast<__m512bh>(_mm512_loadu_si512(x)); }

VITRINE_BF16 void mix(float* p, std::int64_t stride, std::int64_t keys, const std::uint16_t* values, std::int64_t columns, const float* keep, float* out) {
  for (int r = 0; r < kRows; ++r)
    for (std::int64_t j = 0; j < keys; j += kWide) {   // forwards: what is written lies where was read before
      const __m256bh rounded = _mm512_cvtneps_pbh(_mm512_loadu_ps(p + r * stride + j));
      std::memcpy(reinterpret_cast<char*>(p + r * stride) + 2 * j, &rounded, sizeof rounded);
    }
  for (std::int64_t c = 0; c < columns; c += kValueColumns) {
    __m512 acc[kRows][2];
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r)
      for (int v = 0; v < 2; ++v) acc[r][v] = keep[r] * _mm512_loadu_ps(out + r * columns + c + v * kWide);
    const std::uint16_t* at = values + 2 * c;
    for (std::int64_t j = 0; j < keys; j += 2, at += 2 * columns) {
      const __m512bh v0 = loaded(at), v1 = loaded(at + 2 * kWide);
#pragma GCC unroll 8
      for (int r = 0; r < kRows; ++r) {
        const __m512bh b = pair_of(reinterpret_cast<const char*>(p + r * stride) + 2 * j);
        acc[r][0] = _mm512_dpbf16_ps(acc[r][0], b, v0);
        acc[r][1] = _mm512_dpbf16_ps(acc[r][1], b, v1);
      }
    }
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r)
      for (int v = 0; v < 2; ++v) _mm512_storeu_ps(out + r * columns + c + v * kWide, acc[r][v]);
  }
}

VITRINE_BF16 void store(const float* from, std::int64_t n, float factor, std::uint16_t* to) {
  for (std::int64_t i = 0; i < n; i += kWide) {
    const auto here = static_cast<__mmask16>(n - i >= kWide ? 0xFFFFU : (1U << (n - i)) - 1);
    const __m256bh rounded = _mm512_cvtneps_pbh(factor * _mm512_maskz_loadu_ps(here, from + i));
    _mm256_mask_storeu_epi16(to + i, here, reinterpret_cast<__m256i>(rounded));
  }
}

}  // namespace

const Bf16AttentionKernels* bf16_attention_kernels() {
  static const bool here = __builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
  static const Bf16AttentionKernels kernels{mix, store};
  return here ? &kernels : nullptr;
}

#else

const Bf16AttentionKernels* bf16_attention_kernels() { return nullptr; }

#endif

}  // namespace vitrine::engine
