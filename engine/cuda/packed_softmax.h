#pragma once

#include "engine/cuda/block_program.h"
#include "engine/cuda/head_view.h"

namespace vitrine::engine::cuda {

/// Softmax of rows of different lengths that lie one behind another without padding.
/// Grid: y over rows, one block each.
struct PackedSoftmax {
  const float* scores = nullptr;          ///< [offsets[rows]]
  const std::int64_t* offsets = nullptr;  ///< [rows + 1]: where each row begins, and the end
  std::int64_t rows = 0;
  float* out = nullptr;                   ///< [offsets[rows]]; may be `scores`
  float* lse = nullptr;                   ///< [rows] log-sum-exp; minus infinity for an empty row

  struct Shared {
    float value[kThreads];
    float largest;
  };
  struct State {
    float part = 0;
  };

  template <typename Block>
  VITRINE_HD void run(Block& block) const {
    Shared& shared = block.shared;
    const PackedSoftmax s = *this;
    const std::int64_t row = block.index.y, begin = offsets[row], end = offsets[row + 1];
    block.each([=, &shared](int thread, State&) {
      float most = -INFINITY;
      for (std::int64_t j = begin + thread; j < end; j += kThreads) most = s.scores[j] > most ? s.scores[j] : most;
      shared.value[thread] = most;
    });
    for (int half = kThreads / 2; half > 0; half /= 2)
      block.each([half, &shared](int thread, State&) {
        if (thread < half && shared.value[thread + half] > shared.value[thread]) shared.value[thread] = shared.value[thread + half];
      });
    block.each([&shared](int thread, State&) {
      if (thread == 0) shared.largest = shared.value[0];
    });
    block.each([=, &shared](int thread, State&) {
      float sum = 0;
      for (std::int64_t j = begin + thread; j < end; j += kThreads) sum += expf(s.scores[j] - shared.largest);
      shared.value[thread] = sum;
    });
    for (int half = kThreads / 2; half > 0; half /= 2)
      block.each([half, &shared](int thread, State&) {
        if (thread < half) shared.value[thread] += shared.value[thread + half];
      });
    block.each([=, &shared](int thread, State&) {
      for (std::int64_t j = begin + thread; j < end; j += kThreads) s.out[j] = expf(s.scores[j] - shared.largest) / shared.value[0];
      if (thread == 0) s.lse[row] = end > begin ? shared.largest + logf(shared.value[0]) : -INFINITY;
    });
  }
};

}  // namespace vitrine::engine::cuda
