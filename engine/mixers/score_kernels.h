#pragma once

#include <cstddef>
#include <cstdint>

namespace vitrine::engine {

/// Keys lie in panels of this many, [panel][d][key], so that one step of the dot products reads whole vectors.
inline constexpr std::int64_t kPanelKeys = 48;
/// Queries of one kernel call, [d][query].
inline constexpr std::int64_t kQueryLanes = 8;
/// Floats of one accumulator in memory: the widest vector of any supported processor.
inline constexpr std::int64_t kLanes = 16;

/// What one row of scores is turned into, and what is added up on the way.
struct RowSums {
  float lse = 0;                       ///< of the row
  const float* distance = nullptr;     ///< of each key of the block from the query; nullptr: not wanted
  const float* sets = nullptr;         ///< [set][key] weights of the block's keys
  std::size_t n_sets = 0, set_stride = 0;
  float* sums = nullptr;               ///< [entropy, distance, sets...][kLanes], added to
  float* maxima = nullptr;             ///< [kPanelKeys] largest probability of the keys j, j + group_stride, ... of the block; 0: no group
};

/// Kernels for the processor at hand (AVX-512, AVX2, SSE4, NEON, ...), chosen once. All lengths in floats.
struct ScoreKernels {
  /// out[r * stride + j] = sum over d of q[i, r] k[panel, i, j] for r < kQueryLanes, j < panels * kPanelKeys.
  void (*scores)(const float* q, const float* panels, std::int64_t n_panels, std::int64_t d, float* out, std::int64_t stride);
  /// s = cap tanh(s / cap).
  void (*soft_cap)(float* s, std::int64_t n, float cap);
  /// Scores to probabilities exp(s - lse) in place, with sums; n is a multiple of kPanelKeys. Returns the largest probability.
  float (*probabilities)(float* s, std::int64_t n, const RowSums& row);
  /// First group of kLanes values at or after `from` (a multiple of kLanes) with one above the bar, n if none; bit i of `which`
  /// says whether value i of the group is.
  std::int64_t (*next_above)(const float* p, std::int64_t from, std::int64_t n, float bar, std::uint32_t* which);
  /// acc[j] += sum over r of p[r * stride + j]; most[j] = max over r as well if `most` is given.
  void (*columns)(const float* p, std::int64_t rows, std::int64_t stride, std::int64_t n, float* acc, float* most);
  /// dst[j] += src[j]
  void (*add)(const float* src, std::int64_t n, float* dst);
  /// The kth largest of kPanelKeys values, 1 <= k <= kPanelKeys.
  float (*kth_largest)(const float* values, int k);
  std::int64_t group_stride;           ///< of the keys that share one of the maxima of `RowSums`
  const char* name;                    ///< of the instruction set
};
[[nodiscard]] const ScoreKernels& score_kernels();

}  // namespace vitrine::engine
