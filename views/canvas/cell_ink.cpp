#include "views/canvas/cell_ink.h"

#include <algorithm>
#include <cmath>

namespace vitrine::views {

namespace {

constexpr float kFirstHue[3] = {0.10F, 0.52F, 1.0F};

std::uint32_t pack(std::uint8_t r, std::uint8_t g, std::uint8_t b) {
  return std::uint32_t{r} | std::uint32_t{g} << 8 | std::uint32_t{b} << 16 | 0xFF000000U;
}

}  // namespace

std::uint32_t blend_hues(float a, float b, float mix, bool dark) {
  a *= std::min(1.0F, 2 * (1 - mix));
  b *= std::min(1.0F, 2 * mix);
  std::uint8_t rgb[3];
  for (int i = 0; i < 3; ++i) {
    const float one = kFirstHue[i], two = 1 - kFirstHue[i];
    const float v = dark ? a * one + b * two : 1 - a * (1 - one) - b * (1 - two);
    rgb[i] = static_cast<std::uint8_t>(std::lround(255 * std::clamp(v, 0.0F, 1.0F)));
  }
  return pack(rgb[0], rgb[1], rgb[2]);
}

CellInk::CellInk(const Look& look)
    : look_(look), ranged_(look.range.hi > look.range.lo), log_(look.range.log && look.range.lo > 0 && ranged_), lo_(look.range.lo),
      width_(log_ ? std::log(static_cast<double>(look.range.hi) / lo_) : static_cast<double>(look.range.hi) - lo_) {
  for (std::size_t i = 0; i < 256; ++i) packed_[i] = pack(look.table[i][0], look.table[i][1], look.table[i][2]);
}

double CellInk::place(float value) const {
  const double v = value;
  if (!ranged_) return value > look_.range.hi ? 1 : 0;
  if (!log_) return std::clamp((v - lo_) / width_, 0.0, 1.0);
  return v <= 0 ? 0 : std::clamp(std::log(v / lo_) / width_, 0.0, 1.0);
}

std::uint32_t CellInk::of(float a, float b) const {
  if (look_.show == MapCompare::Blend) {
    if (std::isnan(a) || std::isnan(b)) return look_.none;
    return blend_hues(static_cast<float>(place(a)), static_cast<float>(place(b)), look_.mix, look_.dark);
  }
  const float v = look_.show == MapCompare::Second ? b : look_.show == MapCompare::Difference ? a - b : a;
  if (std::isnan(v)) return look_.none;
  return packed_[static_cast<std::size_t>(static_cast<float>(place(v)) * 255.0F + 0.5F)];
}

}  // namespace vitrine::views
