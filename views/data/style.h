#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/core/error.h"
#include "views/data/color.h"
#include "views/data/display_list.h"

namespace vitrine::views {

/// Colours and sizes of a theme, as plain data.
struct Style {
  std::string name;
  bool dark = false;
  Color window, surface, raised, field;  ///< window, plot and panel, buttons and headers, inputs
  Color text, muted, faint, border;      ///< faint: grid lines
  Color accent, on_accent, warning, error, good;
  Color missing;              ///< cells without a value
  std::vector<Color> series;  ///< categories; told apart also by the colour blind
  std::string sequential = "viridis", diverging = "balance", thumbnails = "viridis";
  double title = 14, body = 12, small = 11, tiny = 9.5;  ///< font sizes in pixels
  double line = 1.5, hairline = 1, space = 8;            ///< strokes and the unit of spacing, pixels

  [[nodiscard]] Font title_font() const { return {title, true, Font::Face::Sans, false}; }
  [[nodiscard]] Font body_font() const { return {body, false, Font::Face::Sans, false}; }
  [[nodiscard]] Font small_font() const { return {small, false, Font::Face::Sans, false}; }
  [[nodiscard]] Font label_font() const { return {small, false, Font::Face::Sans, true}; }
  [[nodiscard]] Font number_font() const { return {body, false, Font::Face::Sans, true}; }
  [[nodiscard]] Font tiny_font() const { return {tiny, false, Font::Face::Sans, true}; }
};

enum class Medium { Screen, Print };

/// Reads resources/themes/NAME.json. @error FileFormat with the key that is missing or wrong
[[nodiscard]] engine::Result<Style> parse_style(std::string_view json_text, Medium medium);

/// The built-in "dark" or "light" theme; light if the name is unknown.
[[nodiscard]] const Style& builtin_style(std::string_view name, Medium medium);

}  // namespace vitrine::views
