#include "engine/io/bytes.h"
#include "engine/io/dequantise.h"
#include "engine/io/float_convert.h"

namespace vitrine::engine {
namespace {

using u8 = std::uint8_t;

float half_at(const u8* p) { return half_to_float(load_le<std::uint16_t>(p)); }

template <std::size_t Bytes, class Block>
inline void each_block(const u8* from, std::size_t count, float* to, Block block) {
  for (std::size_t i = 0; i + 256 <= count; i += 256, from += Bytes) block(from, to + i);
}

constexpr float kNonLinear[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

/// Seven stored signs; the eighth makes their number even.
unsigned signs_of(unsigned seven) {
  seven &= 0x7FU;
  return seven | static_cast<unsigned>(__builtin_parity(seven)) << 7;
}

void signed_entry(const float* grid, int n, unsigned signs, float db, float* y) {
  for (int i = 0; i < n; ++i) y[i] = db * grid[i] * ((signs >> i & 1U) != 0 ? -1.0F : 1.0F);
}

void shifted_entry(const float* grid, float delta, float dl, float* y) {
  for (int i = 0; i < 8; ++i) y[i] = dl * (grid[i] + delta);
}

}  // namespace

void dequantise_iq4_nl(const u8* from, std::size_t count, float* to) {
  for (std::size_t at = 0; at + 32 <= count; at += 32, from += 18, to += 32) {
    const float d = half_at(from);
    for (int i = 0; i < 16; ++i) {
      to[i] = d * kNonLinear[from[2 + i] & 0xF];
      to[i + 16] = d * kNonLinear[from[2 + i] >> 4];
    }
  }
}

void dequantise_iq4_xs(const u8* from, std::size_t count, float* to) {
  each_block<136>(from, count, to, [](const u8* b, float* y) {
    const float d = half_at(b);
    const unsigned high = load_le<std::uint16_t>(b + 2);
    for (int group = 0; group < 8; ++group) {
      const int low = b[4 + group / 2] >> (group % 2 * 4) & 0xF;
      const float dl = d * static_cast<float>((low | static_cast<int>(high >> (2 * group) & 3U) << 4) - 32);
      const u8* q = b + 8 + group * 16;
      for (int i = 0; i < 16; ++i) {
        y[group * 32 + i] = dl * kNonLinear[q[i] & 0xF];
        y[group * 32 + i + 16] = dl * kNonLinear[q[i] >> 4];
      }
    }
  });
}

void dequantise_iq2_xxs(const u8* from, std::size_t count, float* to) {
  const float* grid = iq_grids().iq2_xxs.data();
  each_block<66>(from, count, to, [grid](const u8* b, float* y) {
    const float d = half_at(b);
    for (int group = 0; group < 8; ++group) {
      const u8* q = b + 2 + group * 8;
      const auto rest = load_le<std::uint32_t>(q + 4);
      const float db = d * (0.5F + static_cast<float>(rest >> 28)) * 0.25F;
      for (int k = 0; k < 4; ++k)
        signed_entry(grid + q[k] * 8, 8, signs_of(rest >> (7 * k)), db, y + group * 32 + k * 8);
    }
  });
}

void dequantise_iq2_xs(const u8* from, std::size_t count, float* to) {
  const float* grid = iq_grids().iq2_xs.data();
  each_block<74>(from, count, to, [grid](const u8* b, float* y) {
    const float d = half_at(b);
    for (int entry = 0; entry < 32; ++entry) {
      const unsigned q = load_le<std::uint16_t>(b + 2 + entry * 2);
      const int scale = b[66 + entry / 4] >> (entry / 2 % 2 * 4) & 0xF;
      const float db = d * (0.5F + static_cast<float>(scale)) * 0.25F;
      signed_entry(grid + (q & 511U) * 8, 8, signs_of(q >> 9), db, y + entry * 8);
    }
  });
}

void dequantise_iq2_s(const u8* from, std::size_t count, float* to) {
  const float* grid = iq_grids().iq2_s.data();
  each_block<82>(from, count, to, [grid](const u8* b, float* y) {
    const float d = half_at(b);
    for (int entry = 0; entry < 32; ++entry) {
      const unsigned q = b[2 + entry] | (b[66 + entry / 4] >> (entry % 4 * 2) & 3U) << 8;
      const int scale = b[74 + entry / 4] >> (entry / 2 % 2 * 4) & 0xF;
      const float db = d * (0.5F + static_cast<float>(scale)) * 0.25F;
      signed_entry(grid + q * 8, 8, b[34 + entry], db, y + entry * 8);
    }
  });
}

void dequantise_iq3_xxs(const u8* from, std::size_t count, float* to) {
  const float* grid = iq_grids().iq3_xxs.data();
  each_block<98>(from, count, to, [grid](const u8* b, float* y) {
    const float d = half_at(b);
    for (int group = 0; group < 8; ++group) {
      const auto rest = load_le<std::uint32_t>(b + 66 + group * 4);
      const float db = d * (0.5F + static_cast<float>(rest >> 28)) * 0.5F;
      for (int k = 0; k < 8; ++k)
        signed_entry(grid + b[2 + group * 8 + k] * 4, 4, signs_of(rest >> (k / 2 * 7)) >> (k % 2 * 4), db,
                     y + group * 32 + k * 4);
    }
  });
}

void dequantise_iq3_s(const u8* from, std::size_t count, float* to) {
  const float* grid = iq_grids().iq3_s.data();
  each_block<110>(from, count, to, [grid](const u8* b, float* y) {
    const float d = half_at(b);
    for (int entry = 0; entry < 64; ++entry) {
      const unsigned q = b[2 + entry] | (b[66 + entry / 8] >> (entry % 8) & 1U) << 8;
      const int scale = b[106 + entry / 16] >> (entry / 8 % 2 * 4) & 0xF;
      const float db = d * static_cast<float>(1 + 2 * scale);
      signed_entry(grid + q * 4, 4, b[74 + entry / 2] >> (entry % 2 * 4), db, y + entry * 4);
    }
  });
}

void dequantise_iq1_s(const u8* from, std::size_t count, float* to) {
  const float* grid = iq_grids().iq1.data();
  each_block<50>(from, count, to, [grid](const u8* b, float* y) {
    const float d = half_at(b);
    for (int group = 0; group < 8; ++group) {
      const unsigned high = load_le<std::uint16_t>(b + 34 + group * 2);
      const float dl = d * static_cast<float>(2 * (high >> 12 & 7U) + 1);
      const float delta = (high & 0x8000U) == 0 ? 0.125F : -0.125F;
      for (unsigned k = 0; k < 4; ++k) {
        const unsigned q = b[2 + group * 4 + k] | (high >> (3 * k) & 7U) << 8;
        shifted_entry(grid + q * 8, delta, dl, y + group * 32 + k * 8);
      }
    }
  });
}

void dequantise_iq1_m(const u8* from, std::size_t count, float* to) {
  const float* grid = iq_grids().iq1.data();
  each_block<56>(from, count, to, [grid](const u8* b, float* y) {
    unsigned scales[4], bits = 0;
    for (unsigned i = 0; i < 4; ++i) {
      scales[i] = load_le<std::uint16_t>(b + 48 + 2 * i);
      bits |= (scales[i] & 0xF000U) >> (12 - 4 * i);
    }
    const float d = half_to_float(static_cast<std::uint16_t>(bits));
    for (int entry = 0; entry < 32; ++entry) {
      const unsigned scale = scales[entry / 8] >> (entry / 2 % 4 * 3) & 7U;
      const unsigned high = b[32 + entry / 2] >> (entry % 2 * 4) & 0xFU;
      const float dl = d * static_cast<float>(2 * scale + 1);
      shifted_entry(grid + (b[entry] | (high & 7U) << 8) * 8, (high & 8U) == 0 ? 0.125F : -0.125F, dl, y + entry * 8);
    }
  });
}

}  // namespace vitrine::engine
