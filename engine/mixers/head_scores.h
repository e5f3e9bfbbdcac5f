#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include <hwy/aligned_allocator.h>

namespace vitrine::engine {

/// One head of a softmax attention call, as numbers: what its scores are made of. Nothing is owned.
///
/// score(i, j) = cap(scale q_i . k_j) + bias, where key j exists for query i; the pattern is exp(score - lse_i).
/// Query i stands at the position of key i + cols - rows, as with a cache.
struct HeadScores {
  const float* q = nullptr;              ///< [rows, d]
  const float* k = nullptr;              ///< [cols, d]
  const float* lse = nullptr;            ///< [rows] natural logarithm of the row's sum of exp(score), sinks included
  std::int64_t rows = 0, cols = 0, d = 0;
  float scale = 1;
  float soft_cap = 0;                    ///< cap tanh(s / cap) before the bias; 0: none
  bool causal = false;                   ///< key j exists for query i when j <= i + cols - rows
  std::int64_t window = 0;               ///< ... and j > i + cols - rows - window; 0: no limit
  const float* bias = nullptr;           ///< [rows or 1, cols or 1] by the strides; nullptr: none
  std::int64_t bias_row = 0, bias_col = 0;
  const float* relative = nullptr;       ///< [rows + cols - 1], added at j - i + rows - 1: ALiBi and relative tables; nullptr: none

  /// First key and one past the last that exist for query i.
  [[nodiscard]] std::int64_t first_key(std::int64_t i) const;
  [[nodiscard]] std::int64_t end_key(std::int64_t i) const;
};

/// Keys [begin, end) of a head in the layout of the kernels. @cost one copy of the keys
class PackedKeys {
 public:
  PackedKeys(const HeadScores& head, std::int64_t begin, std::int64_t end);
  [[nodiscard]] std::int64_t begin() const { return begin_; }
  [[nodiscard]] std::int64_t end() const { return end_; }
  [[nodiscard]] const float* panel(std::int64_t p) const { return data_.get() + p * panel_size_; }

 private:
  std::int64_t begin_, end_, panel_size_;
  hwy::AlignedFreeUniquePtr<float[]> data_;
};

/// Scores of up to eight consecutive queries and a run of keys.
struct ScoreBlock {
  float* scores;                          ///< [rows, stride]; keys that do not exist, and the padding, hold -1e30
  std::int64_t stride;
  std::int64_t row0, rows, col0, cols;    ///< cols without padding
  std::int64_t padded;                    ///< cols with padding, a multiple of the kernels' lanes, at most stride
};

/// Walks the scores of queries [row0, row1) block by block, in memory of its own, which the visitor may overwrite.
/// Blocks without an existing key are left out. Rows of one block come once per run of keys, keys ascending.
/// @cost 2 d flops per visited cell; O(d) memory per query of a strip of 64
void visit_scores(const HeadScores& head, const PackedKeys& keys, std::int64_t row0, std::int64_t row1,
                  const std::function<void(const ScoreBlock&)>& visit);

/// exp(score - lse) of a tile, [row1 - row0, col1 - col0]. @cost 2 d flops a cell, memory of the tile and its keys
void pattern_tile(const HeadScores& head, std::int64_t row0, std::int64_t row1, std::int64_t col0, std::int64_t col1, float* out);

}  // namespace vitrine::engine
