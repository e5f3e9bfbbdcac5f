#pragma once

#include <QColor>
#include <QPalette>

#include "views/data/style.h"

namespace vitrine::views {

[[nodiscard]] inline QColor to_qcolor(Color c) { return QColor(c.r, c.g, c.b, c.a); }
[[nodiscard]] inline Color to_color(const QColor& c) {
  return {static_cast<std::uint8_t>(c.red()), static_cast<std::uint8_t>(c.green()),
          static_cast<std::uint8_t>(c.blue()), static_cast<std::uint8_t>(c.alpha())};
}

/// The dark or light theme (by the window's lightness) with the colours that a widget's palette has, so that a figure
/// sits in its window without a seam.
[[nodiscard]] Style screen_style(const QPalette& palette);

/// A palette with the colours of a style, for windows that have none of their own.
[[nodiscard]] QPalette palette_of(const Style& style);

}  // namespace vitrine::views
