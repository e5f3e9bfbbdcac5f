#pragma once

#include <cstdint>

#include <span>
#include <vector>

namespace vitrine::views {

struct Histogram {
  double lo = 0, width = 1;  ///< bin i covers [lo + i width, lo + (i + 1) width)
  std::vector<std::int64_t> counts;
  std::int64_t missing = 0;  ///< NaN or infinite
};

/// Bins of equal, round width; about 2 IQR / n^(1/3) wide, 1 to `max_bins` of them.
/// @source Freedman and Diaconis 1981, doi:10.1007/BF01025868
[[nodiscard]] Histogram histogram(std::span<const float> values, int max_bins = 60);

/// Shrinks a row-major matrix to out_rows x out_cols, keeping in each block the value of largest magnitude
/// (so that a thin diagonal stays visible); NaN only where the whole block is NaN. Cost: one pass.
[[nodiscard]] std::vector<float> pool_strongest(std::span<const float> values, int rows, int cols, int out_rows,
                                                int out_cols);

}  // namespace vitrine::views
