#include "views/canvas/color_scale.h"

#include <cmath>

#include "views/data/range.h"

namespace vitrine::views {

namespace {
ValueRange range_of(const ColorScale& scale) {
  const bool log = scale.log && scale.lo > 0 && scale.hi > scale.lo;
  return {scale.lo, scale.hi, log ? Scale::Log : Scale::Linear};
}
}  // namespace

ColorTable grey_table() {
  ColorTable table;
  for (std::size_t i = 0; i < 256; ++i) table[i].fill(static_cast<std::uint8_t>(i));
  return table;
}

ColorTable table_of(const ColorMap& map) {
  ColorTable table;
  for (std::size_t i = 0; i < 256; ++i) table[i] = {map.table[i].r, map.table[i].g, map.table[i].b};
  return table;
}

float ColorScale::unit(float value) const {
  if (std::isnan(value)) return value;
  if (!(hi > lo)) return value > hi ? 1.0F : 0.0F;
  return static_cast<float>(range_of(*this).position(value));
}

int ColorScale::index(float value) const {
  const float place = unit(value);
  return std::isnan(place) ? -1 : static_cast<int>(std::lround(place * 255.0F));
}

float ColorScale::value(float place) const {
  return static_cast<float>(range_of(*this).value(place));
}

ColorScale ColorScale::fit(std::span<const float> values, bool symmetric, bool log) {
  const RangeMode mode = symmetric ? RangeMode::Symmetric
                         : log     ? RangeMode::Log
                                   : RangeMode::Automatic;
  const ValueRange range = choose_range(values, mode);
  return {static_cast<float>(range.lo), static_cast<float>(range.hi), range.scale == Scale::Log};
}

}  // namespace vitrine::views
