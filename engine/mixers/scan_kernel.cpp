#include "engine/mixers/scan_kernel.h"

#include <algorithm>
#include <bit>

// One clone per instruction set, chosen when the library is loaded.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)
#define VITRINE_CLONES __attribute__((target_clones("arch=skylake-avx512", "arch=haswell", "default")))
#else
#define VITRINE_CLONES
#endif

namespace vitrine::engine {

namespace {

/// e^x to 2 units in the last place for x <= 88; branch free, so that a loop of it becomes vector code.
/// x = n ln 2 + r, |r| <= ln 2 / 2; e^r by a polynomial of degree 6; below -87 the result is the smallest normal number.
inline float exp_lane(float x) {
  constexpr float kLog2e = 1.44269504F, kLn2High = 0.693359375F, kLn2Low = -2.12194440e-4F, kShift = 12582912.0F;
  x = std::min(std::max(x, -87.0F), 88.0F);
  const float n = (x * kLog2e + kShift) - kShift;
  const float r = (x - n * kLn2High) - n * kLn2Low;
  float p = 1.9875691500e-4F;
  p = p * r + 1.3981999507e-3F;
  p = p * r + 8.3334519073e-3F;
  p = p * r + 4.1665795894e-2F;
  p = p * r + 1.6666665459e-1F;
  p = p * r + 5.0000001201e-1F;
  p = p * r * r + r + 1.0F;
  return p * std::bit_cast<float>((static_cast<std::int32_t>(n) + 127) << 23);
}

}  // namespace

VITRINE_CLONES void scan_sequence(const float* v, const float* delta, const float* a, const float* b, const float* c,
                                  std::int64_t tokens, std::int64_t channels, std::int64_t states, float* h, float* out) {
  for (std::int64_t t = 0; t < tokens; ++t) {
    const float* __restrict step = delta + t * channels;
    const float* __restrict in = v + t * channels;
    float* __restrict y = out + t * channels;
    for (std::int64_t ch = 0; ch < channels; ++ch) y[ch] = 0;
    for (std::int64_t i = 0; i < states; ++i) {
      const float* __restrict rate = a + i * channels;
      float* __restrict state = h + i * channels;
      const float drive = b[t * states + i], read = c[t * states + i];
      for (std::int64_t ch = 0; ch < channels; ++ch) {
        state[ch] = exp_lane(step[ch] * rate[ch]) * state[ch] + step[ch] * in[ch] * drive;
        y[ch] += read * state[ch];
      }
    }
  }
}

}  // namespace vitrine::engine
