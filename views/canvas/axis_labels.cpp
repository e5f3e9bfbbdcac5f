#include "views/canvas/axis_labels.h"

#include <algorithm>
#include <cmath>

namespace vitrine::views {

std::int64_t label_stride(double step, double min_gap) {
  if (!(step > 0)) return INT64_MAX / 4;
  const double need = min_gap / step;
  if (!(need < 1e15)) return INT64_MAX / 4;
  for (std::int64_t decade = 1;; decade *= 10) {
    for (const std::int64_t digit : {1, 2, 5}) {
      if (static_cast<double>(digit * decade) >= need) return digit * decade;
    }
  }
}

std::vector<std::int64_t> place_labels(std::int64_t first, std::int64_t last, double step,
                                       double min_gap, const std::vector<std::int64_t>& keep) {
  std::vector<std::int64_t> kept;
  const auto collides = [&](std::int64_t a, const std::vector<std::int64_t>& others) {
    return std::any_of(others.begin(), others.end(), [&](std::int64_t b) {
      return std::abs(static_cast<double>(a - b)) * step < min_gap;
    });
  };
  for (const std::int64_t k : keep) {
    if (k >= first && k <= last && !collides(k, kept)) kept.push_back(k);
  }
  std::vector<std::int64_t> out = kept;
  const std::int64_t stride = label_stride(step, min_gap);
  const std::int64_t begin = (std::max<std::int64_t>(first, 0) + stride - 1) / stride * stride;
  for (std::int64_t i = begin; i <= last; i += stride) {
    if (!collides(i, kept)) out.push_back(i);
  }
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace vitrine::views
