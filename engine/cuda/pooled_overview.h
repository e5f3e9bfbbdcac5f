#pragma once

#include "engine/cuda/block_program.h"
#include "engine/cuda/head_view.h"

namespace vitrine::engine::cuda {

/// Maximum and mean of a head's pattern over each cell of a coarse grid: query i of n belongs to row i * out_rows / n.
/// Grid: one block a pooled cell, x over columns, y over rows.
struct PooledOverview {
  HeadView head;
  float* most = nullptr;           ///< [out_rows, out_cols]
  float* mean = nullptr;           ///< [out_rows, out_cols]
  std::int64_t out_rows = 0, out_cols = 0;

  struct Shared {
    DotShared dots;
    float most[kThreads], total[kThreads];
  };
  struct State {
    float sum = 0, most = 0, total = 0;
  };

  template <typename Block>
  VITRINE_HD void run(Block& block) const {
    Shared& shared = block.shared;
    const PooledOverview s = *this;
    const std::int64_t y = block.index.y, x = block.index.x;
    const std::int64_t r0 = begin(y, head.queries, out_rows), r1 = begin(y + 1, head.queries, out_rows);
    const std::int64_t c0 = begin(x, head.keys, out_cols), c1 = begin(x + 1, head.keys, out_cols);
    for (std::int64_t row = r0; row < r1; row += kSide)
      for (std::int64_t col = c0; col < c1; col += kSide) {
        tile_of_dots(block, shared.dots, head.q, head.q_stride, row, r1, head.k, head.k_stride, col, c1, head.d_head);
        block.each([=](int thread, State& state) {
          const std::int64_t i = row + thread / kSide, j = col + thread % kSide;
          if (i >= r1 || j >= c1 || !s.head.exists(i, j)) return;
          const float p = expf(log_pattern(s.head, i, state.sum));
          state.total += p;
          if (p > state.most) state.most = p;
        });
      }
    block.each([&shared](int thread, State& state) {
      shared.most[thread] = state.most;
      shared.total[thread] = state.total;
    });
    for (int half = kThreads / 2; half > 0; half /= 2)
      block.each([half, &shared](int thread, State&) {
        if (thread >= half) return;
        shared.total[thread] += shared.total[thread + half];
        if (shared.most[thread + half] > shared.most[thread]) shared.most[thread] = shared.most[thread + half];
      });
    block.each([=, &shared](int thread, State&) {
      if (thread != 0) return;
      s.most[y * s.out_cols + x] = shared.most[0];
      s.mean[y * s.out_cols + x] = shared.total[0] / static_cast<float>((r1 - r0) * (c1 - c0));
    });
  }

 private:
  VITRINE_HD static std::int64_t begin(std::int64_t cell, std::int64_t n, std::int64_t out) { return (cell * n + out - 1) / out; }
};

}  // namespace vitrine::engine::cuda
