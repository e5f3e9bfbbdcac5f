#include "engine/mixers/head_scores.h"

#include <algorithm>
#include <cstring>

#include "engine/mixers/score_kernels.h"

namespace vitrine::engine {

namespace {

constexpr std::int64_t kStripRows = 64;                  // queries that share a run of keys while it is in the second-level cache
constexpr std::int64_t kRunKeys = 10 * kPanelKeys;
constexpr float kAbsent = -1e30F;                        // finite: its probability is 0, and 0 times it is a number

std::int64_t panels_for(std::int64_t keys) { return (keys + kPanelKeys - 1) / kPanelKeys; }

/// Scaled queries of a strip as [group][d][kQueryLanes]; absent ones are zero.
void pack_queries(const HeadScores& head, std::int64_t row0, std::int64_t rows, float* out) {
  for (std::int64_t g = 0; g < (rows + kQueryLanes - 1) / kQueryLanes; ++g)
    for (std::int64_t r = 0; r < kQueryLanes; ++r) {
      const std::int64_t row = g * kQueryLanes + r;
      for (std::int64_t i = 0; i < head.d; ++i)
        out[(g * head.d + i) * kQueryLanes + r] = row < rows ? head.scale * head.q[(row0 + row) * head.d + i] : 0.0F;
    }
}

/// Terms beyond the dot product, and absence, for one row of a block.
void finish_row(const HeadScores& head, std::int64_t row, std::int64_t col0, std::int64_t cols, std::int64_t padded, float* s) {
  if (head.soft_cap > 0) score_kernels().soft_cap(s, padded, head.soft_cap);
  if (head.bias) {
    const float* bias = head.bias + row * head.bias_row + col0 * head.bias_col;
    for (std::int64_t j = 0; j < cols; ++j) s[j] += bias[j * head.bias_col];
  }
  if (head.relative) score_kernels().add(head.relative + col0 - row + head.rows - 1, cols, s);
  const std::int64_t first = std::clamp<std::int64_t>(head.first_key(row) - col0, 0, cols);
  const std::int64_t end = std::clamp<std::int64_t>(head.end_key(row) - col0, first, cols);
  std::fill(s, s + first, kAbsent);
  std::fill(s + end, s + padded, kAbsent);
}

}  // namespace

std::int64_t HeadScores::first_key(std::int64_t i) const {
  return window > 0 ? std::max<std::int64_t>(0, i + cols - rows - window + 1) : 0;
}
std::int64_t HeadScores::end_key(std::int64_t i) const { return causal ? std::clamp<std::int64_t>(i + cols - rows + 1, 0, cols) : cols; }

PackedKeys::PackedKeys(const HeadScores& head, std::int64_t begin, std::int64_t end)
    : begin_(begin), end_(end), panel_size_(head.d * kPanelKeys),
      data_(hwy::AllocateAligned<float>(static_cast<std::size_t>(std::max<std::int64_t>(1, panels_for(end - begin) * panel_size_)))) {
  for (std::int64_t p = 0; p < panels_for(end - begin); ++p) {
    float* panel = data_.get() + p * panel_size_;
    const std::int64_t first = begin + p * kPanelKeys, n = std::min(kPanelKeys, end - first);
    if (n < kPanelKeys) std::memset(panel, 0, static_cast<std::size_t>(panel_size_) * sizeof(float));
    for (std::int64_t j = 0; j < n; ++j) {
      const float* key = head.k + (first + j) * head.d;
      for (std::int64_t i = 0; i < head.d; ++i) panel[i * kPanelKeys + j] = key[i];
    }
  }
}

void visit_scores(const HeadScores& head, const PackedKeys& keys, std::int64_t row0, std::int64_t row1,
                  const std::function<void(const ScoreBlock&)>& visit) {
  const auto queries = hwy::AllocateAligned<float>(static_cast<std::size_t>(kStripRows * head.d));
  const auto scores = hwy::AllocateAligned<float>(static_cast<std::size_t>(kQueryLanes * kRunKeys));
  for (std::int64_t strip = row0; strip < row1; strip += kStripRows) {
    const std::int64_t rows = std::min(kStripRows, row1 - strip);
    pack_queries(head, strip, rows, queries.get());
    const std::int64_t strip_end = std::min(keys.end(), head.end_key(strip + rows - 1));
    const std::int64_t strip_first = std::max(keys.begin(), head.first_key(strip));
    for (std::int64_t p = (strip_first - keys.begin()) / kPanelKeys; keys.begin() + p * kPanelKeys < strip_end; p += kRunKeys / kPanelKeys) {
      const std::int64_t col0 = keys.begin() + p * kPanelKeys;
      for (std::int64_t g = 0; g < rows; g += kQueryLanes) {
        const std::int64_t n = std::min(kQueryLanes, rows - g), last = strip + g + n - 1;
        const std::int64_t end = std::min({keys.end(), head.end_key(last), col0 + kRunKeys});
        if (end <= col0 || col0 + kRunKeys <= head.first_key(strip + g)) continue;
        const std::int64_t panels = panels_for(end - col0);
        score_kernels().scores(queries.get() + g * head.d, keys.panel(p), panels, head.d, scores.get(), kRunKeys);
        for (std::int64_t r = 0; r < n; ++r)
          finish_row(head, strip + g + r, col0, end - col0, panels * kPanelKeys, scores.get() + r * kRunKeys);
        visit({scores.get(), kRunKeys, strip + g, n, col0, end - col0, panels * kPanelKeys});
      }
    }
  }
}

void pattern_tile(const HeadScores& head, std::int64_t row0, std::int64_t row1, std::int64_t col0, std::int64_t col1, float* out) {
  const std::int64_t width = col1 - col0;
  std::fill(out, out + (row1 - row0) * width, 0.0F);
  const PackedKeys keys(head, col0, col1);
  visit_scores(head, keys, row0, row1, [&](const ScoreBlock& block) {
    for (std::int64_t r = 0; r < block.rows; ++r) {
      float* s = block.scores + r * block.stride;
      score_kernels().probabilities(s, block.padded, {.lse = head.lse[block.row0 + r]});
      std::memcpy(out + (block.row0 + r - row0) * width + block.col0 - col0, s, static_cast<std::size_t>(block.cols) * sizeof(float));
    }
  });
}

}  // namespace vitrine::engine
