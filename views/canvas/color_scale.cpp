#include "views/canvas/color_scale.h"

#include <algorithm>
#include <cmath>

namespace vitrine::views {

namespace {
constexpr float kLogDecades = 1e-5F;
}

ColorTable grey_table() {
  ColorTable table;
  for (int i = 0; i < 256; ++i) table[i].fill(static_cast<std::uint8_t>(i));
  return table;
}

float ColorScale::unit(float value) const {
  if (std::isnan(value)) return value;
  if (!(hi > lo)) return value > hi ? 1.0F : 0.0F;
  if (log && hi > 0) {
    const float bottom = std::max(lo, hi * kLogDecades);
    if (value <= bottom || !(hi > bottom)) return value >= hi ? 1.0F : 0.0F;
    return std::clamp(std::log(value / bottom) / std::log(hi / bottom), 0.0F, 1.0F);
  }
  return std::clamp((value - lo) / (hi - lo), 0.0F, 1.0F);
}

int ColorScale::index(float value) const {
  const float t = unit(value);
  if (std::isnan(t)) return -1;
  return static_cast<int>(std::lround(t * 255.0F));
}

ColorScale ColorScale::fit(std::span<const float> values, bool symmetric) {
  ColorScale scale;
  bool any = false;
  for (const float v : values) {
    if (!std::isfinite(v)) continue;
    scale.lo = any ? std::min(scale.lo, v) : v;
    scale.hi = any ? std::max(scale.hi, v) : v;
    any = true;
  }
  if (!any) return {};
  if (symmetric) {
    scale.hi = std::max(std::abs(scale.lo), std::abs(scale.hi));
    scale.lo = -scale.hi;
  } else if (scale.lo >= 0) {
    scale.lo = 0;
  }
  if (!(scale.hi > scale.lo)) scale.hi = scale.lo + 1;
  return scale;
}

}  // namespace vitrine::views
