#include "engine/mixers/key_geometry.h"

#include <cmath>
#include <string>

namespace vitrine::engine {

namespace {
constexpr std::int64_t kReadBeyond = 64;   // vectors are read whole
}

Status KeyGeometry::check(std::int64_t cols, const KeyGrid& grid) {
  if (grid.width == 0 || (grid.prefix >= 0 && grid.height >= 1 && grid.width >= 1 && grid.prefix + grid.height * grid.width == cols)) return {};
  return fail(ErrorCode::Usage, "a grid of " + std::to_string(grid.height) + " x " + std::to_string(grid.width) + " patches after " +
                                    std::to_string(grid.prefix) + " tokens does not fit " + std::to_string(cols) + " keys");
}

KeyGeometry::KeyGeometry(std::int64_t rows, std::int64_t cols, const KeyGrid& grid) : shift_(cols - rows), width_(cols) {
  if (grid.width > 0) prefix_ = grid.prefix, height_ = grid.height, width_ = grid.width;
  table_.assign(static_cast<std::size_t>(profile_rows() * profile_cols() + kReadBeyond), 0.0F);
  for (std::int64_t dy = 1 - height_; dy < height_; ++dy)
    for (std::int64_t dx = 1 - width_; dx < width_; ++dx)
      table_[cell(dy, dx)] = static_cast<float>(std::sqrt(static_cast<double>(dy * dy + dx * dx)));
}

const float* KeyGeometry::distances(std::int64_t row, std::int64_t col0, std::int64_t cols, std::int64_t padded, float* own) const {
  if (height_ == 1 && prefix_ == 0) return table_.data() + cell(0, col0 - (row + shift_));
  std::fill(own, own + padded, 0.0F);
  runs(row, col0, cols, [&](std::int64_t first, std::int64_t n, std::size_t at) { std::copy_n(table_.data() + at, n, own + first); });
  return own;
}

}  // namespace vitrine::engine
