#include "views/data/bins.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "views/data/ticks.h"

namespace vitrine::views {

Histogram histogram(std::span<const float> values, int max_bins) {
  std::vector<float> sorted;
  for (const float v : values)
    if (std::isfinite(v)) sorted.push_back(v);
  Histogram out;
  out.missing = static_cast<std::int64_t>(values.size() - sorted.size());
  if (sorted.empty()) return out;
  std::sort(sorted.begin(), sorted.end());
  const auto n = sorted.size();
  const double lo = sorted.front(), hi = sorted.back(), span = hi - lo;
  if (!(span > 0)) {
    out.lo = lo - 0.5;
    out.counts = {static_cast<std::int64_t>(n)};
    return out;
  }
  const double iqr = double(sorted[n - 1 - n / 4]) - sorted[n / 4];
  const double raw = iqr > 0 ? 2 * iqr / std::cbrt(double(n)) : span / std::sqrt(double(n));
  const double power = std::pow(10, std::floor(std::log10(raw)));
  double width = power;
  const double least = span / std::max(1, max_bins - 1);
  for (const double m : {1.0, 2.0, 5.0, 10.0})
    if (width < raw * 0.7) width = m * power;
  for (int grow = 0; width < least && grow < 400; ++grow) width *= 2;
  out.width = width;
  out.lo = std::floor(lo / width) * width;
  out.counts.assign(static_cast<std::size_t>(std::floor((hi - out.lo) / width)) + 1, 0);
  for (const float v : sorted) {
    const auto at = static_cast<std::size_t>(std::max(0.0, (v - out.lo) / width));
    ++out.counts[std::min(at, out.counts.size() - 1)];
  }
  return out;
}

std::vector<float> pool_strongest(std::span<const float> values, int rows, int cols, int out_rows, int out_cols) {
  std::vector<float> out(static_cast<std::size_t>(out_rows) * static_cast<std::size_t>(out_cols),
                         std::numeric_limits<float>::quiet_NaN());
  for (int r = 0; r < rows; ++r) {
    float* into = out.data() + static_cast<std::ptrdiff_t>(std::int64_t(r) * out_rows / rows) * out_cols;
    const float* from = values.data() + static_cast<std::ptrdiff_t>(r) * cols;
    for (int c = 0; c < cols; ++c) {
      float& slot = into[std::int64_t(c) * out_cols / cols];
      if (!std::isnan(from[c]) && !(std::abs(slot) >= std::abs(from[c]))) slot = from[c];
    }
  }
  return out;
}

}  // namespace vitrine::views
