#include "engine/io/dequantise.h"

#include <bit>
#include <cmath>

#include "engine/io/bytes.h"
#include "engine/io/float_convert.h"

namespace vitrine::engine {
namespace {

using u8 = std::uint8_t;

float half_at(const u8* p) { return half_to_float(load_le<std::uint16_t>(p)); }

/// Runs `block(from, to)` over all blocks.
template <std::size_t Values, std::size_t Bytes, class Block>
inline void each_block(const u8* from, std::size_t count, float* to, Block block) {
  for (std::size_t i = 0; i + Values <= count; i += Values, from += Bytes) block(from, to + i);
}

float e8m0_half(u8 e) {
  const std::uint32_t bits = e < 2 ? 0x00200000U << e : static_cast<std::uint32_t>(e - 1) << 23;
  return std::bit_cast<float>(bits);
}

/// Unsigned E4M3 halved, to go with doubled E2M1 values.
float ue4m3_half(u8 x) {
  if (x == 0 || x == 0x7F) return 0.0F;
  const int exponent = x >> 3 & 0xF;
  const float mantissa = static_cast<float>(x & 7);
  const float raw = exponent == 0 ? std::ldexp(mantissa, -9) : std::ldexp(1.0F + mantissa / 8.0F, exponent - 7);
  return raw * 0.5F;
}

constexpr float kE2M1Doubled[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

/// 6-bit scale and minimum number `j` of the 12 bytes that Q4_K and Q5_K share.
void scale_and_min(const u8* s, int j, float& scale, float& min) {
  if (j < 4) {
    scale = static_cast<float>(s[j] & 63);
    min = static_cast<float>(s[j + 4] & 63);
  } else {
    scale = static_cast<float>((s[j + 4] & 0xF) | (s[j - 4] >> 6) << 4);
    min = static_cast<float>(s[j + 4] >> 4 | (s[j] >> 6) << 4);
  }
}

}  // namespace

void dequantise_q4_0(const u8* from, std::size_t count, float* to) {
  each_block<32, 18>(from, count, to, [](const u8* b, float* y) {
    const float d = half_at(b);
    const u8* q = b + 2;
    for (int i = 0; i < 16; ++i) {
      y[i] = d * static_cast<float>((q[i] & 0xF) - 8);
      y[i + 16] = d * static_cast<float>((q[i] >> 4) - 8);
    }
  });
}

void dequantise_q4_1(const u8* from, std::size_t count, float* to) {
  each_block<32, 20>(from, count, to, [](const u8* b, float* y) {
    const float d = half_at(b), m = half_at(b + 2);
    const u8* q = b + 4;
    for (int i = 0; i < 16; ++i) {
      y[i] = d * static_cast<float>(q[i] & 0xF) + m;
      y[i + 16] = d * static_cast<float>(q[i] >> 4) + m;
    }
  });
}

void dequantise_q5_0(const u8* from, std::size_t count, float* to) {
  each_block<32, 22>(from, count, to, [](const u8* b, float* y) {
    const float d = half_at(b);
    const auto high = load_le<std::uint32_t>(b + 2);
    const u8* q = b + 6;
    for (unsigned i = 0; i < 16; ++i) {
      y[i] = d * static_cast<float>(static_cast<int>((q[i] & 0xFU) | (high >> i & 1U) << 4) - 16);
      y[i + 16] = d * static_cast<float>(static_cast<int>((q[i] >> 4U) | (high >> (i + 16) & 1U) << 4) - 16);
    }
  });
}

void dequantise_q5_1(const u8* from, std::size_t count, float* to) {
  each_block<32, 24>(from, count, to, [](const u8* b, float* y) {
    const float d = half_at(b), m = half_at(b + 2);
    const auto high = load_le<std::uint32_t>(b + 4);
    const u8* q = b + 8;
    for (unsigned i = 0; i < 16; ++i) {
      y[i] = d * static_cast<float>((q[i] & 0xFU) | (high >> i & 1U) << 4) + m;
      y[i + 16] = d * static_cast<float>((q[i] >> 4U) | (high >> (i + 16) & 1U) << 4) + m;
    }
  });
}

void dequantise_q8_0(const u8* from, std::size_t count, float* to) {
  each_block<32, 34>(from, count, to, [](const u8* b, float* y) {
    const float d = half_at(b);
    for (int i = 0; i < 32; ++i) y[i] = d * static_cast<float>(static_cast<std::int8_t>(b[2 + i]));
  });
}

void dequantise_q8_1(const u8* from, std::size_t count, float* to) {
  each_block<32, 36>(from, count, to, [](const u8* b, float* y) {
    const float d = half_at(b);
    for (int i = 0; i < 32; ++i) y[i] = d * static_cast<float>(static_cast<std::int8_t>(b[4 + i]));
  });
}

void dequantise_q2_k(const u8* from, std::size_t count, float* to) {
  each_block<256, 84>(from, count, to, [](const u8* b, float* y) {
    const float d = half_at(b + 80), least = half_at(b + 82);
    for (int group = 0; group < 16; ++group) {
      const float dl = d * static_cast<float>(b[group] & 0xF), ml = least * static_cast<float>(b[group] >> 4);
      const u8* q = b + 16 + group / 8 * 32 + group % 2 * 16;
      const int shift = group / 2 % 4 * 2;
      for (int i = 0; i < 16; ++i) y[group * 16 + i] = dl * static_cast<float>(q[i] >> shift & 3) - ml;
    }
  });
}

void dequantise_q3_k(const u8* from, std::size_t count, float* to) {
  each_block<256, 110>(from, count, to, [](const u8* b, float* y) {
    const float d = half_at(b + 108);
    const u8* scales = b + 96;
    for (int group = 0; group < 16; ++group) {
      const int low = group < 8 ? scales[group] & 0xF : scales[group - 8] >> 4;
      const int high = scales[8 + group % 4] >> (group / 4 * 2) & 3;
      const float dl = d * static_cast<float>((low | high << 4) - 32);
      const u8* mask = b + group % 2 * 16;
      const u8* q = b + 32 + group / 8 * 32 + group % 2 * 16;
      const int shift = group / 2 % 4 * 2, bit = group / 2;
      for (int i = 0; i < 16; ++i)
        y[group * 16 + i] = dl * static_cast<float>((q[i] >> shift & 3) - ((mask[i] >> bit & 1) != 0 ? 0 : 4));
    }
  });
}

void dequantise_q4_k(const u8* from, std::size_t count, float* to) {
  each_block<256, 144>(from, count, to, [](const u8* b, float* y) {
    const float d = half_at(b), least = half_at(b + 2);
    for (int group = 0; group < 8; ++group) {
      float scale = 0, min = 0;
      scale_and_min(b + 4, group, scale, min);
      const float dl = d * scale, ml = least * min;
      const u8* q = b + 16 + group / 2 * 32;
      const int shift = group % 2 * 4;
      for (int i = 0; i < 32; ++i) y[group * 32 + i] = dl * static_cast<float>(q[i] >> shift & 0xF) - ml;
    }
  });
}

void dequantise_q5_k(const u8* from, std::size_t count, float* to) {
  each_block<256, 176>(from, count, to, [](const u8* b, float* y) {
    const float d = half_at(b), least = half_at(b + 2);
    const u8* high = b + 16;
    for (int group = 0; group < 8; ++group) {
      float scale = 0, min = 0;
      scale_and_min(b + 4, group, scale, min);
      const float dl = d * scale, ml = least * min;
      const u8* q = b + 48 + group / 2 * 32;
      const int shift = group % 2 * 4;
      for (int i = 0; i < 32; ++i)
        y[group * 32 + i] = dl * static_cast<float>((q[i] >> shift & 0xF) | (high[i] >> group & 1) << 4) - ml;
    }
  });
}

void dequantise_q6_k(const u8* from, std::size_t count, float* to) {
  each_block<256, 210>(from, count, to, [](const u8* b, float* y) {
    const float d = half_at(b + 208);
    for (int group = 0; group < 16; ++group) {
      const float dl = d * static_cast<float>(static_cast<std::int8_t>(b[192 + group]));
      const int half = group / 8, part = group % 8 / 2, at = group % 2 * 16;
      const u8* low = b + half * 64 + part % 2 * 32 + at;
      const u8* high = b + 128 + half * 32 + at;
      for (int i = 0; i < 16; ++i) {
        const int q = (part < 2 ? low[i] & 0xF : low[i] >> 4) | (high[i] >> (part * 2) & 3) << 4;
        y[group * 16 + i] = dl * static_cast<float>(q - 32);
      }
    }
  });
}

void dequantise_q8_k(const u8* from, std::size_t count, float* to) {
  each_block<256, 292>(from, count, to, [](const u8* b, float* y) {
    const auto d = load_le<float>(b);
    for (int i = 0; i < 256; ++i) y[i] = d * static_cast<float>(static_cast<std::int8_t>(b[4 + i]));
  });
}

void dequantise_tq1_0(const u8* from, std::size_t count, float* to) {
  each_block<256, 54>(from, count, to, [](const u8* b, float* y) {
    const float d = half_at(b + 52);
    const auto digits = [&](const u8* q, int width, int places) {
      unsigned power = 1;
      for (int place = 0; place < places; ++place, power *= 3)
        for (int i = 0; i < width; ++i) {
          const auto digit = static_cast<int>((q[i] * power & 0xFFU) * 3 >> 8);
          *y++ = d * static_cast<float>(digit - 1);
        }
    };
    digits(b, 32, 5);
    digits(b + 32, 16, 5);
    digits(b + 48, 4, 4);
  });
}

void dequantise_tq2_0(const u8* from, std::size_t count, float* to) {
  each_block<256, 66>(from, count, to, [](const u8* b, float* y) {
    const float d = half_at(b + 64);
    for (int i = 0; i < 256; ++i)
      y[i] = d * static_cast<float>((b[i / 128 * 32 + i % 32] >> (i / 32 % 4 * 2) & 3) - 1);
  });
}

void dequantise_mxfp4(const u8* from, std::size_t count, float* to) {
  each_block<32, 17>(from, count, to, [](const u8* b, float* y) {
    const float d = e8m0_half(b[0]);
    for (int i = 0; i < 16; ++i) {
      y[i] = d * kE2M1Doubled[b[1 + i] & 0xF];
      y[i + 16] = d * kE2M1Doubled[b[1 + i] >> 4];
    }
  });
}

void dequantise_nvfp4(const u8* from, std::size_t count, float* to) {
  each_block<64, 36>(from, count, to, [](const u8* b, float* y) {
    for (int group = 0; group < 4; ++group) {
      const float d = ue4m3_half(b[group]);
      const u8* q = b + 4 + group * 8;
      for (int i = 0; i < 8; ++i) {
        y[group * 16 + i] = d * kE2M1Doubled[q[i] & 0xF];
        y[group * 16 + i + 8] = d * kE2M1Doubled[q[i] >> 4];
      }
    }
  });
}

}  // namespace vitrine::engine
