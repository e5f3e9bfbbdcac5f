#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "engine/core/error.h"
#include "views/data/color.h"

namespace vitrine::views {

/// 256 colours. Sequential: lightness runs one way. Diverging: two arms from a neutral middle.
struct ColorMap {
  enum class Kind { Sequential, Diverging };
  std::string name;
  Kind kind = Kind::Sequential;
  std::string licence, source;
  std::array<Color, 256> table{};

  /// u in [0, 1]; values outside are clamped. Cost: one table look-up.
  [[nodiscard]] Color at(double u) const {
    const double scaled = u * 255 + 0.5;
    return table[scaled <= 0 ? 0u : scaled >= 255 ? 255u : static_cast<unsigned>(scaled)];
  }
};

/// Reads a colour map file: `{"name", "kind": "sequential"|"diverging", "licence", "source", "points": ["#rrggbb",
/// ...]}`. The points (2 to 256) are spread evenly and joined by straight lines in OKLab.
/// @error FileFormat
[[nodiscard]] engine::Result<ColorMap> parse_color_map(std::string_view json_text);

/// The part of a map between two positions, stretched to 256 colours: thin marks keep clear of the background's
/// colour.
[[nodiscard]] ColorMap slice(const ColorMap& map, double from, double to);

/// The maps of resources/colormaps, which are built in.
[[nodiscard]] const std::vector<ColorMap>& color_maps();

/// The map of that name; viridis if there is none.
[[nodiscard]] const ColorMap& color_map(std::string_view name);

}  // namespace vitrine::views
