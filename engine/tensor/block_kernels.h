#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace vitrine::engine {

/// What the kernels unfold in registers. `Floats` are values that were unfolded before.
enum class BlockFormat : std::uint8_t { Floats, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q4_K, Q5_K, Q6_K };
inline constexpr std::size_t kBlockFormats = 9;
/// By its name in GGUF; `Floats` for all that have to be unfolded before.
[[nodiscard]] BlockFormat block_format(std::string_view gguf_type);

/// Rows of inputs that one call of `dots` takes at most.
inline constexpr int kDotRows = 4;

/// Kernels for the processor at hand (AVX-512, AVX2, SSE4, NEON, ...), chosen once. A weight row is a pointer to its blocks; all
/// lengths are multiples of 32 and of the blocks' values. Blocks are unfolded to float32 bit by bit as `dequantise.h` does it, and
/// inputs are not quantised.
struct BlockKernels {
  /// y[r * y_stride + o] = sum over i of w[o, i] x[r * x_stride + i] for o < outputs, r < rows <= kDotRows.
  using Dots = void (*)(const std::uint8_t* const* w, std::int64_t outputs, const float* x, std::int64_t x_stride, int rows, std::int64_t in,
                        float* y, std::int64_t y_stride);
  /// panel[i * panel_columns + o] = w[o, i] for o < outputs, 0 for the columns after them.
  using Fill = void (*)(const std::uint8_t* const* w, std::int64_t outputs, std::int64_t in, float* panel);

  std::array<Dots, kBlockFormats> dots;
  std::array<Fill, kBlockFormats> fill;
  /// y[r * y_stride + o] = (added ? y[..] : 0) + sum over i of panel[i * panel_columns + o] x[r * x_stride + i], r < rows <= tile_rows,
  /// o < columns <= panel_columns. `panel` is aligned to 64 bytes.
  void (*product)(const float* panel, std::int64_t in, const float* x, std::int64_t x_stride, int rows, float* y, std::int64_t y_stride,
                  std::int64_t columns, bool added);
  std::int64_t panel_columns;
  int tile_rows;
  const char* name;   ///< of the instruction set
};
[[nodiscard]] const BlockKernels& block_kernels();

}  // namespace vitrine::engine
