#include "engine/io/float_convert.h"

#include <bit>
#include <cmath>
#include <limits>

namespace vitrine::engine {
namespace {

/// A small float without infinities of its own: sign, `exponent_bits`, `mantissa_bits`.
float small_float(unsigned bits, int exponent_bits, int mantissa_bits, int bias) {
  const unsigned mantissa = bits & ((1U << mantissa_bits) - 1);
  const unsigned exponent = (bits >> mantissa_bits) & ((1U << exponent_bits) - 1);
  const float fraction = static_cast<float>(mantissa) / static_cast<float>(1U << mantissa_bits);
  const float size = exponent == 0 ? std::ldexp(fraction, 1 - bias)
                                   : std::ldexp(1.0F + fraction, static_cast<int>(exponent) - bias);
  return (bits >> (exponent_bits + mantissa_bits)) & 1U ? -size : size;
}

}  // namespace

float half_to_float(std::uint16_t bits) {
  // Select instead of branch, so that loops over it vectorise.
  constexpr std::uint32_t shifted_exponent = 0x7C00U << 13;
  std::uint32_t u = (bits & 0x7FFFU) << 13;
  const std::uint32_t exponent = u & shifted_exponent;
  u += (127U - 15U) << 23;
  const std::uint32_t special = u + ((128U - 16U) << 23);
  const std::uint32_t denormal =
      std::bit_cast<std::uint32_t>(std::bit_cast<float>(u + (1U << 23)) - std::bit_cast<float>(113U << 23));
  u = exponent == shifted_exponent ? special : u;
  u = exponent == 0 ? denormal : u;
  return std::bit_cast<float>(u | (bits & 0x8000U) << 16);
}

std::uint16_t float_to_half(float value) {
  const auto u = std::bit_cast<std::uint32_t>(value);
  const auto sign = static_cast<std::uint16_t>(u >> 16 & 0x8000U);
  const std::uint32_t size = u & 0x7FFFFFFFU;
  if (size > 0x7F800000U) return sign | 0x7E00U;
  if (size >= 0x477FF000U) return sign | 0x7C00U;
  if (size < 0x38800000U) {
    // Adding 0.5 lets the float unit round the denormal half to its last place.
    const float rounded = std::bit_cast<float>(size) + 0.5F;
    return sign |
           static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(rounded) - std::bit_cast<std::uint32_t>(0.5F));
  }
  const std::uint32_t odd = size >> 13 & 1U;
  return sign | static_cast<std::uint16_t>((size - (112U << 23) + 0xFFFU + odd) >> 13);
}

float bfloat16_to_float(std::uint16_t bits) { return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16); }

std::uint16_t float_to_bfloat16(float value) {
  const auto u = std::bit_cast<std::uint32_t>(value);
  if ((u & 0x7FFFFFFFU) > 0x7F800000U) return static_cast<std::uint16_t>(u >> 16 | 0x40U);
  return static_cast<std::uint16_t>((u + 0x7FFFU + (u >> 16 & 1U)) >> 16);
}

float float8_e4m3_to_float(std::uint8_t bits) {
  if ((bits & 0x7FU) == 0x7FU) return std::numeric_limits<float>::quiet_NaN();
  return small_float(bits, 4, 3, 7);
}

float float8_e5m2_to_float(std::uint8_t bits) { return half_to_float(static_cast<std::uint16_t>(bits << 8)); }

float float8_e4m3fnuz_to_float(std::uint8_t bits) {
  return bits == 0x80 ? std::numeric_limits<float>::quiet_NaN() : small_float(bits, 4, 3, 8);
}

float float8_e5m2fnuz_to_float(std::uint8_t bits) {
  return bits == 0x80 ? std::numeric_limits<float>::quiet_NaN() : small_float(bits, 5, 2, 16);
}

float float4_e2m1_to_float(std::uint8_t bits) { return small_float(bits & 0xFU, 2, 1, 1); }

float float6_e2m3_to_float(std::uint8_t bits) { return small_float(bits & 0x3FU, 2, 3, 1); }
float float6_e3m2_to_float(std::uint8_t bits) { return small_float(bits & 0x3FU, 3, 2, 3); }

float float8_e8m0_to_float(std::uint8_t bits) {
  if (bits == 0xFF) return std::numeric_limits<float>::quiet_NaN();
  return std::ldexp(1.0F, static_cast<int>(bits) - 127);
}

}  // namespace vitrine::engine
