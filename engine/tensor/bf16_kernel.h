#pragma once

#include <cstdint>

#include "engine/tensor/bf16_panels.h"

namespace vitrine::engine {

/// Rows of one call of the kernel, at most.
inline constexpr std::int64_t kTileRows = 8;

/// Some rows against one panel of weights.
struct Bf16Tile {
  const std::uint16_t* x = nullptr;      ///< [row][stride]
  std::int64_t stride = 0;
  const std::uint16_t* panel = nullptr;  ///< [pair][kColumns][2]
  std::int64_t pairs = 0;
  const float* bias = nullptr;           ///< [kColumns]
  std::int64_t columns = 0;              ///< of the panel that are wanted
  std::uint16_t* y = nullptr;            ///< [row][y_stride]
  std::int64_t y_stride = 0;
  Epilogue epilogue = Epilogue::None;
  const char* ahead = nullptr;           ///< what is to be fetched into the second-level cache meanwhile
  std::int64_t ahead_bytes = 0;
};

/// The kernel for 1 to kTileRows rows; nullptr where the processor has none.
using Bf16TileKernel = void (*)(const Bf16Tile& tile, int rows);
[[nodiscard]] Bf16TileKernel bf16_tile();

}  // namespace vitrine::engine
