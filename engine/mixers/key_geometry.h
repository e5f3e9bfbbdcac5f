#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "engine/core/error.h"

namespace vitrine::engine {

/// Where keys lie: tokens in a line, or patches on a grid behind `prefix` tokens that have no place (class, registers).
struct KeyGrid {
  std::int64_t prefix = 0;
  std::int64_t height = 1, width = 0;    ///< width 0: all tokens in one line
};

/// Distances and displacements between queries and runs of keys. Query i stands where key i + cols - rows stands.
class KeyGeometry {
 public:
  /// The grid must fit, see `check`. @cost memory of one table of displacements, (2 height - 1)(2 width - 1)
  KeyGeometry(std::int64_t rows, std::int64_t cols, const KeyGrid& grid);
  /// @error Usage if grid and number of keys do not go together
  [[nodiscard]] static Status check(std::int64_t cols, const KeyGrid& grid);

  /// Displacements key - query that exist: [2 height - 1, 2 width - 1], zero in the middle.
  [[nodiscard]] std::int64_t profile_rows() const { return 2 * height_ - 1; }
  [[nodiscard]] std::int64_t profile_cols() const { return 2 * width_ - 1; }

  /// Calls f(first, n, cell): keys [col0 + first, col0 + first + n) lie at displacements [cell, cell + n) of the profile.
  template <typename F>
  void runs(std::int64_t row, std::int64_t col0, std::int64_t cols, F&& f) const {
    const std::int64_t here = row + shift_ - prefix_;
    if (here < 0) return;
    const std::int64_t y = here / width_, x = here % width_;
    for (std::int64_t j = std::max(col0, prefix_); j < col0 + cols;) {
      const std::int64_t there = j - prefix_, ky = there / width_, kx = there % width_;
      const std::int64_t n = std::min(width_ - kx, col0 + cols - j);
      f(j - col0, n, cell(ky - y, kx - x));
      j += n;
    }
  }
  /// Distances (tokens, or Euclidean in patches) of a run of keys from query `row`; 0 where either has no place. May point
  /// into a table; otherwise written to `own`, which has room for `padded` values. At least `padded` can be read.
  [[nodiscard]] const float* distances(std::int64_t row, std::int64_t col0, std::int64_t cols, std::int64_t padded, float* own) const;

 private:
  [[nodiscard]] std::size_t cell(std::int64_t dy, std::int64_t dx) const {
    return static_cast<std::size_t>((dy + height_ - 1) * profile_cols() + dx + width_ - 1);
  }
  std::int64_t shift_, prefix_ = 0, height_ = 1, width_ = 1;
  std::vector<float> table_;
};

}  // namespace vitrine::engine
