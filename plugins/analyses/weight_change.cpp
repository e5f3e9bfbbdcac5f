#include "plugins/analyses/weight_change.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace vitrine::plugins {

void WeightChange::add(std::span<const float> from, std::span<const float> to) {
  for (std::size_t i = 0; i < std::min(from.size(), to.size()); ++i) {
    const double a = from[i], b = to[i];
    ++count;
    if (!std::isfinite(a) || !std::isfinite(b)) {
      ++not_finite;
      continue;
    }
    const double d = b - a;
    largest = std::max(largest, std::abs(d));
    difference += d * d;
    base += a * a;
    other += b * b;
    product += a * b;
  }
}

void WeightChange::add(const WeightChange& part) {
  count += part.count;
  not_finite += part.not_finite;
  largest = std::max(largest, part.largest);
  difference += part.difference;
  base += part.base;
  other += part.other;
  product += part.product;
}

double WeightChange::rms() const {
  const std::uint64_t pairs = count - not_finite;
  return pairs == 0 ? 0 : std::sqrt(difference / static_cast<double>(pairs));
}

double WeightChange::relative() const {
  if (base > 0) return std::sqrt(difference / base);
  return difference > 0 ? std::numeric_limits<double>::quiet_NaN() : 0;
}

double WeightChange::cosine() const {
  if (base <= 0 || other <= 0) return std::numeric_limits<double>::quiet_NaN();
  return std::clamp(product / (std::sqrt(base) * std::sqrt(other)), -1.0, 1.0);
}

void add_rows(WeightChange& change, const Projection& p, int part, int parts) {
  if (parts < 1 || p.rows % parts != 0) return;
  const auto size = static_cast<std::size_t>(p.rows / parts * p.cols);
  change.add(p.base.subspan(static_cast<std::size_t>(part) * size, size), p.other.subspan(static_cast<std::size_t>(part) * size, size));
}

void add_columns(WeightChange& change, const Projection& p, int part, int parts) {
  if (parts < 1 || p.cols % parts != 0) return;
  const auto width = static_cast<std::size_t>(p.cols / parts);
  for (std::int64_t row = 0; row < p.rows; ++row) {
    const std::size_t at = static_cast<std::size_t>(row * p.cols) + static_cast<std::size_t>(part) * width;
    change.add(p.base.subspan(at, width), p.other.subspan(at, width));
  }
}

}  // namespace vitrine::plugins
