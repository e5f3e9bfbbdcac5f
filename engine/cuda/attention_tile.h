#pragma once

#include <cmath>
#include <cstdint>

#include "engine/cuda/host_device.h"

namespace vitrine::engine::cuda {

/// What one launch computes: a tile of the attention pattern of one head, recomputed from what a run kept.
///
///   out[r, c] = exp(scale * q[row0 + r] . k[col0 + c] - lse[row0 + r])
///
/// All pointers are to float32, row-major, of the same memory (host or device).
/// @source Dao et al. 2022, arXiv:2205.14135, algorithm 4: the log-sum-exp is enough to rebuild a block of the pattern
struct AttentionTile {
  const float* q = nullptr;        ///< [query, d_head], rows q_stride apart
  const float* k = nullptr;        ///< [key, d_head], rows k_stride apart
  const float* lse = nullptr;      ///< [query]: log of the sum of exp(score) over the keys
  float* out = nullptr;            ///< [rows, cols]
  std::int64_t q_stride = 0, k_stride = 0;
  std::int64_t row0 = 0, col0 = 0, rows = 0, cols = 0;
  int d_head = 0;
  float scale = 1;
  bool causal = false;             ///< key may not come after query + causal_offset
  std::int64_t causal_offset = 0;  ///< keys minus queries, where a cache came before
};

inline constexpr int kTileSide = 16;   ///< a block is kTileSide x kTileSide threads, one value each
inline constexpr int kDepthStep = 32;  ///< of d_head that is in shared memory at a time

struct AttentionTileShared {
  float q[kTileSide][kDepthStep + 1];  ///< one column more than is used keeps threads on different banks
  float k[kTileSide][kDepthStep + 1];
};

/// Phase 1 of a step, between two barriers: the threads of block (bx, by) bring d_head [depth, depth + kDepthStep) in.
VITRINE_HD inline void attention_tile_load(const AttentionTile& t, AttentionTileShared& shared, int bx, int by, int tx,
                                           int ty, int depth) {
  for (int i = tx; i < kDepthStep; i += kTileSide) {
    const int d = depth + i;
    const std::int64_t row = static_cast<std::int64_t>(by) * kTileSide + ty;
    const std::int64_t col = static_cast<std::int64_t>(bx) * kTileSide + ty;
    shared.q[ty][i] = d < t.d_head && row < t.rows ? t.q[(t.row0 + row) * t.q_stride + d] : 0.0f;
    shared.k[ty][i] = d < t.d_head && col < t.cols ? t.k[(t.col0 + col) * t.k_stride + d] : 0.0f;
  }
}

/// Phase 2 of a step: this thread's dot product over what is in shared memory.
VITRINE_HD inline float attention_tile_dot(const AttentionTileShared& shared, int tx, int ty, float sum) {
  for (int i = 0; i < kDepthStep; ++i) sum += shared.q[ty][i] * shared.k[tx][i];
  return sum;
}

/// Last phase: the probability of this thread's query and key.
VITRINE_HD inline void attention_tile_store(const AttentionTile& t, int bx, int by, int tx, int ty, float sum) {
  const std::int64_t row = static_cast<std::int64_t>(by) * kTileSide + ty;
  const std::int64_t col = static_cast<std::int64_t>(bx) * kTileSide + tx;
  if (row >= t.rows || col >= t.cols) return;
  const bool hidden = t.causal && t.col0 + col > t.row0 + row + t.causal_offset;
  t.out[row * t.cols + col] = hidden ? 0.0f : expf(t.scale * sum - t.lse[t.row0 + row]);
}

}  // namespace vitrine::engine::cuda
