#pragma once

#include <cmath>
#include <cstdint>

#include "engine/cuda/host_device.h"

namespace vitrine::engine::cuda {

/// One head of a softmax attention call: pattern(i, j) = exp(scale q_i . k_j - lse_i) where key j exists for query i.
/// All pointers are to float32, row-major, of the same memory (host or device).
/// @source Dao et al. 2022, arXiv:2205.14135, algorithm 4: the log-sum-exp is enough to rebuild a block of the pattern
struct HeadView {
  const float* q = nullptr;        ///< [query, d_head], rows q_stride apart
  const float* k = nullptr;        ///< [key, d_head], rows k_stride apart
  const float* lse = nullptr;      ///< [query]: log of the sum of exp(score) over the keys
  std::int64_t q_stride = 0, k_stride = 0;
  std::int64_t queries = 0, keys = 0;
  int d_head = 0;
  float scale = 1;
  bool causal = false;             ///< key may not come after query + keys - queries

  VITRINE_HD bool exists(std::int64_t i, std::int64_t j) const {
    return i < queries && j < keys && !(causal && j > i + keys - queries);
  }
};

inline constexpr int kSide = 16;                  ///< a block is kSide x kSide threads: queries by keys
inline constexpr int kThreads = kSide * kSide;
inline constexpr int kDepthStep = 32;             ///< of d_head that is in shared memory at a time

/// Operands of a kSide x kSide tile of dot products; one column more than is used keeps threads on different banks.
struct DotShared {
  float a[kSide][kDepthStep + 1];
  float b[kSide][kDepthStep + 1];
};

/// sum[thread] = a[row0 + thread / kSide] . b[col0 + thread % kSide], by steps through shared memory; rows and columns beyond
/// the ends count as zero. `sum` of the thread's state is set.
template <typename Block>
VITRINE_HD inline void tile_of_dots(Block& block, DotShared& shared, const float* a, std::int64_t a_stride, std::int64_t row0, std::int64_t rows,
                                    const float* b, std::int64_t b_stride, std::int64_t col0, std::int64_t cols, int depth) {
  for (int from = 0; from < depth; from += kDepthStep) {
    block.each([=, &shared](int thread, auto& state) {
      const int ty = thread / kSide;
      for (int i = thread % kSide; i < kDepthStep; i += kSide) {
        const int d = from + i;
        shared.a[ty][i] = d < depth && row0 + ty < rows ? a[(row0 + ty) * a_stride + d] : 0.0f;
        shared.b[ty][i] = d < depth && col0 + ty < cols ? b[(col0 + ty) * b_stride + d] : 0.0f;
      }
      if (from == 0) state.sum = 0;
    });
    block.each([&shared](int thread, auto& state) {
      for (int i = 0; i < kDepthStep; ++i) state.sum += shared.a[thread / kSide][i] * shared.b[thread % kSide][i];
    });
  }
}

/// Logarithm of the pattern at this thread's cell, after tile_of_dots.
VITRINE_HD inline float log_pattern(const HeadView& head, std::int64_t i, float sum) { return head.scale * sum - head.lse[i]; }

}  // namespace vitrine::engine::cuda
