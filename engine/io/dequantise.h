#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace vitrine::engine {

/// Block-quantised types of GGUF to float32: `count` values, a multiple of the block, from unaligned bytes.
/// Each multiplies in single precision in the order that the format's reference does, so values are equal bit by bit.
#define VITRINE_DEQUANTISE(name) void dequantise_##name(const std::uint8_t* from, std::size_t count, float* to)
VITRINE_DEQUANTISE(q4_0);
VITRINE_DEQUANTISE(q4_1);
VITRINE_DEQUANTISE(q5_0);
VITRINE_DEQUANTISE(q5_1);
VITRINE_DEQUANTISE(q8_0);
VITRINE_DEQUANTISE(q8_1);
VITRINE_DEQUANTISE(q2_k);
VITRINE_DEQUANTISE(q3_k);
VITRINE_DEQUANTISE(q4_k);
VITRINE_DEQUANTISE(q5_k);
VITRINE_DEQUANTISE(q6_k);
VITRINE_DEQUANTISE(q8_k);
VITRINE_DEQUANTISE(tq1_0);
VITRINE_DEQUANTISE(tq2_0);
VITRINE_DEQUANTISE(mxfp4);
VITRINE_DEQUANTISE(nvfp4);
VITRINE_DEQUANTISE(iq4_nl);
VITRINE_DEQUANTISE(iq4_xs);
VITRINE_DEQUANTISE(iq1_s);
VITRINE_DEQUANTISE(iq1_m);
VITRINE_DEQUANTISE(iq2_xxs);
VITRINE_DEQUANTISE(iq2_xs);
VITRINE_DEQUANTISE(iq2_s);
VITRINE_DEQUANTISE(iq3_xxs);
VITRINE_DEQUANTISE(iq3_s);
#undef VITRINE_DEQUANTISE

/// Codebooks of the IQ types: entries of 8 (IQ1, IQ2) or 4 (IQ3) values, one after the other.
struct IqGrids {
  std::span<const float> iq1, iq2_xxs, iq2_xs, iq2_s, iq3_xxs, iq3_s;
};
[[nodiscard]] const IqGrids& iq_grids();

}  // namespace vitrine::engine
