#include "views/canvas/value_pyramid.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace vitrine::views {

namespace {
float stronger(float a, float b) {
  if (std::isnan(a)) return b;
  if (std::isnan(b)) return a;
  return std::abs(b) > std::abs(a) ? b : a;
}
}  // namespace

PyramidLevel halve(const PyramidLevel& level) {
  PyramidLevel out;
  out.rows = (level.rows + 1) / 2;
  out.cols = (level.cols + 1) / 2;
  out.values.resize(static_cast<std::size_t>(out.rows * out.cols));
  for (std::int64_t r = 0; r < out.rows; ++r) {
    const float* top = level.values.data() + 2 * r * level.cols;
    const float* bottom = 2 * r + 1 < level.rows ? top + level.cols : top;
    for (std::int64_t c = 0; c < out.cols; ++c) {
      const std::int64_t left = 2 * c;
      const std::int64_t right = std::min(left + 1, level.cols - 1);
      out.values[static_cast<std::size_t>(r * out.cols + c)] =
          stronger(stronger(top[left], top[right]), stronger(bottom[left], bottom[right]));
    }
  }
  return out;
}

ValuePyramid::ValuePyramid(std::int64_t rows, std::int64_t cols, std::vector<float> values) {
  if (rows <= 0 || cols <= 0 || static_cast<std::int64_t>(values.size()) != rows * cols) return;
  levels_.push_back({rows, cols, std::move(values)});
  while (std::max(levels_.back().rows, levels_.back().cols) > kTop) {
    levels_.push_back(halve(levels_.back()));
  }
}

}  // namespace vitrine::views
