#pragma once

#include "engine/cuda/block_program.h"
#include "engine/cuda/head_view.h"

namespace vitrine::engine::cuda {

/// A tile of a head's pattern, recomputed from what a run kept: out[r, c] = pattern(row0 + r, col0 + c).
/// Grid: blocks of kSide x kSide cells, x over columns, y over rows.
struct AttentionTile {
  HeadView head;
  float* out = nullptr;            ///< [rows, cols]
  std::int64_t row0 = 0, col0 = 0, rows = 0, cols = 0;

  using Shared = DotShared;
  struct State {
    float sum = 0;
  };

  template <typename Block>
  VITRINE_HD void run(Block& block) const {
    const std::int64_t r = static_cast<std::int64_t>(block.index.y) * kSide, c = static_cast<std::int64_t>(block.index.x) * kSide;
    tile_of_dots(block, block.shared, head.q, head.q_stride, row0 + r, head.queries, head.k, head.k_stride, col0 + c, head.keys, head.d_head);
    const AttentionTile tile = *this;
    block.each([=](int thread, State& state) {
      const std::int64_t row = r + thread / kSide, col = c + thread % kSide;
      if (row >= tile.rows || col >= tile.cols) return;
      const std::int64_t i = tile.row0 + row, j = tile.col0 + col;
      tile.out[row * tile.cols + col] = tile.head.exists(i, j) ? expf(log_pattern(tile.head, i, state.sum)) : 0.0f;
    });
  }
};

}  // namespace vitrine::engine::cuda
