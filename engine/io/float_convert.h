#pragma once

#include <cstddef>
#include <cstdint>

namespace vitrine::engine {

/// Bits of IEEE half precision to float, exactly; NaN stays NaN.
[[nodiscard]] float half_to_float(std::uint16_t bits);
/// Round to nearest even; overflow becomes infinity, NaN a quiet NaN.
[[nodiscard]] std::uint16_t float_to_half(float value);
[[nodiscard]] float bfloat16_to_float(std::uint16_t bits);
/// Round to nearest even; NaN a quiet NaN.
[[nodiscard]] std::uint16_t float_to_bfloat16(float value);

/// 8-bit floats of the OCP formats; `e8m0` is a bare power of two.
[[nodiscard]] float float8_e4m3_to_float(std::uint8_t bits);
[[nodiscard]] float float8_e5m2_to_float(std::uint8_t bits);
[[nodiscard]] float float8_e8m0_to_float(std::uint8_t bits);
/// The variants with one zero and one NaN (0x80), the exponent's bias one larger. @source arXiv:2206.02915
[[nodiscard]] float float8_e4m3fnuz_to_float(std::uint8_t bits);
[[nodiscard]] float float8_e5m2fnuz_to_float(std::uint8_t bits);
/// The low four bits as the OCP format E2M1: 0, 0.5, 1, 1.5, 2, 3, 4, 6 and their negatives.
[[nodiscard]] float float4_e2m1_to_float(std::uint8_t bits);
/// The low six bits as the OCP formats E2M3 and E3M2, which have neither infinities nor NaN.
[[nodiscard]] float float6_e2m3_to_float(std::uint8_t bits);
[[nodiscard]] float float6_e3m2_to_float(std::uint8_t bits);

}  // namespace vitrine::engine
