#include "views/data/range.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace vitrine::views {
namespace {

struct Extent {
  double min = std::numeric_limits<double>::infinity();
  double max = -std::numeric_limits<double>::infinity();
  double min_positive = std::numeric_limits<double>::infinity();
  [[nodiscard]] bool empty() const { return min > max; }
};

Extent extent(std::span<const float> values) {
  Extent e;
  for (const float v : values) {
    if (!std::isfinite(v)) continue;
    e.min = std::min<double>(e.min, v);
    e.max = std::max<double>(e.max, v);
    if (v > 0) e.min_positive = std::min<double>(e.min_positive, v);
  }
  return e;
}

ValueRange opened(ValueRange range) {
  if (!std::isfinite(range.lo)) range.lo = 0;
  if (!std::isfinite(range.hi)) range.hi = range.lo + 1;
  if (range.hi < range.lo) std::swap(range.lo, range.hi);
  if (range.hi > range.lo) return range;
  if (range.scale == Scale::Log) return {range.lo / 10, range.hi * 10, Scale::Log};
  const double room = range.lo == 0 ? 1 : std::abs(range.lo) * 0.5;
  return range.lo == 0 ? ValueRange{0, 1} : ValueRange{range.lo - room, range.hi + room};
}

ValueRange log_range(const Extent& e, std::optional<double> lo, std::optional<double> hi) {
  const double top = hi && *hi > 0 ? *hi : e.max > 0 ? e.max : 1;
  const double floor = std::isfinite(e.min_positive) ? std::max(e.min_positive, top * 1e-6) : top * 1e-3;
  return opened({lo && *lo > 0 ? *lo : floor, top, Scale::Log});
}

}  // namespace

double ValueRange::position(double v) const {
  if (std::isnan(v)) return v;
  if (scale == Scale::Log) {
    if (v <= 0) return 0;
    return std::clamp(std::log(v / lo) / std::log(hi / lo), 0.0, 1.0);
  }
  return std::clamp((v - lo) / (hi - lo), 0.0, 1.0);
}

double ValueRange::value(double u) const {
  return scale == Scale::Log ? lo * std::pow(hi / lo, u) : lo + (hi - lo) * u;
}

ValueRange choose_range(std::span<const float> values, RangeMode mode, std::optional<double> lo,
                        std::optional<double> hi) {
  const Extent e = extent(values);
  if (mode == RangeMode::Log) return log_range(e, lo, hi);
  if (mode == RangeMode::Manual)
    return opened({lo.value_or(e.empty() ? 0 : e.min), hi.value_or(e.empty() ? 1 : e.max)});
  if (e.empty()) return mode == RangeMode::Symmetric ? ValueRange{-1, 1} : ValueRange{0, 1};
  if (mode == RangeMode::Symmetric || (e.min < 0 && e.max > 0)) {
    double m = hi && mode == RangeMode::Symmetric ? std::abs(*hi) : std::max(std::abs(e.min), std::abs(e.max));
    if (!(m > 0)) m = 1;
    return {-m, m};
  }
  if (e.max <= 0 && e.min < 0) return opened({e.min, e.max < e.min * 0.25 ? e.max : 0});
  return opened({e.min > e.max * 0.25 ? e.min : 0, e.max});
}

bool two_signed(std::span<const float> values) {
  const Extent e = extent(values);
  return !e.empty() && e.min < 0 && e.max > 0;
}

}  // namespace vitrine::views
