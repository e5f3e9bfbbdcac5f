#pragma once

#include <array>
#include <cstdint>

#include "views/canvas/color_scale.h"

namespace vitrine::views {

enum class MapCompare {
  First,   ///< the first matrix
  Second,  ///< the second
  Blend,   ///< one hue each; where both are strong the hues add to white (dark) or black (light)
  Difference,  ///< first minus second, diverging around zero
};

/// Two hues that add up to white, or taken away from white leave black.
/// @param a, b  from 0 to 1
/// @param mix   0: the first only, 1: the second only
[[nodiscard]] std::uint32_t blend_hues(float a, float b, float mix, bool dark);

/// The colours of a picture's cells. What is the same for all of them is worked out once: a tile has 65,536.
class CellInk {
 public:
  struct Look {
    MapCompare show = MapCompare::First;
    ColorScale range;
    ColorTable table = grey_table();
    std::uint32_t none = 0;  ///< packed; for cells without a value
    float mix = 0.5F;        ///< of Blend
    bool dark = true;
  };

  explicit CellInk(const Look& look);

  /// The packed colour of a cell that holds `a` in the first and `b` in the second matrix: that of
  /// `ColorScale::index` in the table.
  [[nodiscard]] std::uint32_t of(float a, float b) const;

 private:
  [[nodiscard]] double place(float value) const;

  Look look_;
  std::array<std::uint32_t, 256> packed_{};
  bool ranged_, log_;
  double lo_, width_;
};

}  // namespace vitrine::views
