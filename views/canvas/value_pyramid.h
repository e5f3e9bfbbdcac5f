#pragma once

#include <cstdint>
#include <vector>

namespace vitrine::views {

/// One level of a pyramid, [row, col].
struct PyramidLevel {
  std::int64_t rows = 0, cols = 0;
  std::vector<float> values;
};

/// Halves a matrix in both directions, keeping of each 2 x 2 block the value farthest from zero, so
/// that a single bright cell never disappears. NaN only where the whole block is NaN. Odd edges are
/// blocks of one.
[[nodiscard]] PyramidLevel halve(const PyramidLevel& level);

/// A matrix and its halvings down to at most `kTop` x `kTop`. Memory: 4/3 of the matrix.
class ValuePyramid {
 public:
  static constexpr std::int64_t kTop = 256;

  ValuePyramid() = default;
  /// @param values  [row, col], rows * cols of them
  ValuePyramid(std::int64_t rows, std::int64_t cols, std::vector<float> values);

  [[nodiscard]] bool empty() const { return levels_.empty(); }
  [[nodiscard]] int levels() const { return static_cast<int>(levels_.size()); }
  [[nodiscard]] const PyramidLevel& level(int i) const {
    return levels_[static_cast<std::size_t>(i)];
  }

 private:
  std::vector<PyramidLevel> levels_;
};

}  // namespace vitrine::views
