#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace vitrine::views {

/// 256 colours, 8-bit sRGB, from the lowest value to the highest.
using ColorTable = std::array<std::array<std::uint8_t, 3>, 256>;

/// Black to white; used until a table is handed in.
[[nodiscard]] ColorTable grey_table();

/// Takes a value to a place in a colour table.
struct ColorScale {
  float lo = 0;
  float hi = 1;
  bool log = false;  ///< log10 from max(lo, hi * 1e-5) to hi; needs hi > 0, otherwise linear

  /// @return 0..1, clamped; NaN for NaN
  [[nodiscard]] float unit(float value) const;
  /// @return 0..255, or -1 for NaN ("not computed")
  [[nodiscard]] int index(float value) const;

  /// Range of the finite values. Values that are never negative start at 0; `symmetric` centres it on 0.
  /// Without a finite value the range is 0..1.
  [[nodiscard]] static ColorScale fit(std::span<const float> values, bool symmetric);
};

}  // namespace vitrine::views
