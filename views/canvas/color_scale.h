#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "views/data/color_map.h"

namespace vitrine::views {

/// 256 colours, 8-bit sRGB, from the lowest value to the highest.
using ColorTable = std::array<std::array<std::uint8_t, 3>, 256>;

/// Black to white; used until a table is handed in.
[[nodiscard]] ColorTable grey_table();
[[nodiscard]] ColorTable table_of(const ColorMap& map);

/// Takes a value to a place in a colour table, as the figures do (views/data/range.h).
struct ColorScale {
  float lo = 0;
  float hi = 1;
  bool log = false;  ///< needs 0 < lo < hi, otherwise linear
  friend bool operator==(const ColorScale&, const ColorScale&) = default;

  /// @return 0..1, clamped; NaN for NaN
  [[nodiscard]] float unit(float value) const;
  /// @return 0..255, or -1 for NaN ("not computed")
  [[nodiscard]] int index(float value) const;
  /// The value at a place 0..1.
  [[nodiscard]] float value(float place) const;

  /// The range that a figure of these values has. `symmetric` centres it on 0; `log` starts above
  /// 0.
  [[nodiscard]] static ColorScale fit(std::span<const float> values, bool symmetric,
                                      bool log = false);
};

}  // namespace vitrine::views
