#pragma once

#include <vector>

#include "engine/core/error.h"
#include "engine/cuda/attention_tile.h"

namespace vitrine::engine::cuda {

/// Whether the kernels were compiled into this program (nvcc was there when it was built).
[[nodiscard]] bool kernels_built();

/// Computes the tile on the current CUDA device. `tile.out` is ignored; the other pointers are to host memory.
///
/// @param queries, keys how many rows q and k have
/// @return [rows, cols]
/// @error Unsupported without kernels or device; DoesNotFit if the device has not enough memory; Internal
/// @cost copies q, k and lse to the device and the tile back
[[nodiscard]] Result<std::vector<float>> attention_tile_on_device(const AttentionTile& tile, std::int64_t queries,
                                                                  std::int64_t keys);

}  // namespace vitrine::engine::cuda
