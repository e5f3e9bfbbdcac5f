#pragma once

#include "engine/cuda/block_program.h"
#include "engine/cuda/head_view.h"

namespace vitrine::engine::cuda {

/// Entropy, expected distance and largest weight of each query's row, in one pass over the keys.
/// Grid: y over blocks of kSide queries.
struct RowStatistics {
  HeadView head;
  float* entropy = nullptr;        ///< [query], nats
  float* distance = nullptr;       ///< [query], mean |key - query - (keys - queries)| in tokens
  float* largest = nullptr;        ///< [query]
  std::int64_t* key = nullptr;     ///< [query] of the largest weight, the first of equal ones; -1 if no key exists

  struct Shared {
    DotShared dots;
    float entropy[kSide][kSide], distance[kSide][kSide], largest[kSide][kSide];
    std::int64_t key[kSide][kSide];
  };
  struct State {
    float sum = 0, entropy = 0, distance = 0, largest = 0;
    std::int64_t key = -1;
  };

  template <typename Block>
  VITRINE_HD void run(Block& block) const {
    Shared& shared = block.shared;
    const RowStatistics s = *this;
    const std::int64_t row0 = static_cast<std::int64_t>(block.index.y) * kSide;
    const std::int64_t last = row0 + kSide - 1 + head.keys - head.queries;
    for (std::int64_t col0 = 0; col0 < head.keys && !(head.causal && col0 > last); col0 += kSide) {
      tile_of_dots(block, shared.dots, head.q, head.q_stride, row0, head.queries, head.k, head.k_stride, col0, head.keys, head.d_head);
      block.each([=](int thread, State& state) {
        const std::int64_t i = row0 + thread / kSide, j = col0 + thread % kSide;
        if (!s.head.exists(i, j)) return;
        const float log_p = log_pattern(s.head, i, state.sum), p = expf(log_p);
        const std::int64_t away = j - i - (s.head.keys - s.head.queries);
        state.entropy -= p * log_p;
        state.distance += p * static_cast<float>(away < 0 ? -away : away);
        if (p > state.largest) state.largest = p, state.key = j;
      });
    }
    block.each([&shared](int thread, State& state) {
      const int ty = thread / kSide, tx = thread % kSide;
      shared.entropy[ty][tx] = state.entropy;
      shared.distance[ty][tx] = state.distance;
      shared.largest[ty][tx] = state.largest;
      shared.key[ty][tx] = state.key;
    });
    block.each([=, &shared](int thread, State&) {
      const int ty = thread / kSide;
      const std::int64_t i = row0 + ty;
      if (thread % kSide != 0 || i >= s.head.queries) return;
      float h = 0, far = 0, most = 0;
      std::int64_t at = -1;
      for (int x = 0; x < kSide; ++x) {
        h += shared.entropy[ty][x];
        far += shared.distance[ty][x];
        const float p = shared.largest[ty][x];
        const std::int64_t j = shared.key[ty][x];
        if (j >= 0 && (p > most || (p == most && j < at))) most = p, at = j;
      }
      s.entropy[i] = h;
      s.distance[i] = far;
      s.largest[i] = most;
      s.key[i] = at;
    });
  }
};

/// Mass that each key receives, summed over queries without atomics, so that the result does not depend on the order of blocks.
/// Grid: y over blocks of kSide keys.
struct ColumnMass {
  HeadView head;
  float* received = nullptr;       ///< [key]

  struct Shared {
    DotShared dots;
    float mass[kSide][kSide];
  };
  struct State {
    float sum = 0, mass = 0;
  };

  template <typename Block>
  VITRINE_HD void run(Block& block) const {
    Shared& shared = block.shared;
    const ColumnMass s = *this;
    const std::int64_t col0 = static_cast<std::int64_t>(block.index.y) * kSide;
    for (std::int64_t row0 = 0; row0 < head.queries; row0 += kSide) {
      tile_of_dots(block, shared.dots, head.q, head.q_stride, row0, head.queries, head.k, head.k_stride, col0, head.keys, head.d_head);
      block.each([=](int thread, State& state) {
        const std::int64_t i = row0 + thread / kSide, j = col0 + thread % kSide;
        if (s.head.exists(i, j)) state.mass += expf(log_pattern(s.head, i, state.sum));
      });
    }
    block.each([&shared](int thread, State& state) { shared.mass[thread / kSide][thread % kSide] = state.mass; });
    block.each([=, &shared](int thread, State&) {
      const std::int64_t j = col0 + thread;
      if (thread >= kSide || j >= s.head.keys) return;
      float sum = 0;
      for (int y = 0; y < kSide; ++y) sum += shared.mass[y][thread];
      s.received[j] = sum;
    });
  }
};

}  // namespace vitrine::engine::cuda
