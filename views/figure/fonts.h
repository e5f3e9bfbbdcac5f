#pragma once

#include <QFont>
#include <QPainter>
#include <QString>

#include "views/data/display_list.h"

namespace vitrine::views {

/// First installed of Inter, DejaVu Sans (Sans) or JetBrains Mono, DejaVu Sans Mono (Mono). Needs a QGuiApplication.
[[nodiscard]] QString family(Font::Face face);

/// A Qt font of whole pixels; `scale` is what is missing to the exact size. Not hinted, so that widths grow evenly.
struct SizedFont {
  QFont font;
  double scale = 1;
};
[[nodiscard]] SizedFont sized_font(const Font& font);

/// Widths as `draw_run` draws them. Thread: any; cost: a cached metric and one shaping.
[[nodiscard]] double run_width(std::string_view utf8, const Font& font);
[[nodiscard]] MeasureText qt_measure();

/// Draws one run with its baseline's start at the painter's origin. Digits of a tabular font get equal widths.
void draw_run(QPainter& painter, const QString& text, const Font& font);

}  // namespace vitrine::views
