#pragma once

#include <QColor>
#include <QPalette>
#include <QString>

class QApplication;
class QFont;
class QPainter;
class QRectF;
class QWidget;

namespace vitrine::views {

/// Every distance in the window is a multiple of this (pixels).
inline constexpr int kGrid = 8;
/// Height of one row of controls (pixels).
inline constexpr int kRow = 26;

/// The colours a hand-drawn widget may use. All come from the palette, so one call themes everything.
struct Shades {
  QColor window, base, raised, line, text, muted, faint, accent, on_accent, good, warn, bad;
  bool dark = false;
};

[[nodiscard]] Shades shades(const QPalette& palette);
[[nodiscard]] Shades shades(const QWidget& widget);

/// Palette of the dark or light theme: neutral greys and one accent.
[[nodiscard]] QPalette theme_palette(bool dark);
/// Style sheet of all standard controls, written from a palette.
[[nodiscard]] QString theme_sheet(const QPalette& palette);
/// Fusion style, palette, fonts and style sheet of a theme, for a whole program.
void apply_theme(QApplication& application, bool dark);

/// @param digits significant digits; whole numbers are grouped by thousands, NaN is an en dash
[[nodiscard]] QString number_text(double value, int digits = 4);
/// With its unit as a person writes it: "4.2 MB", "12.3 ms", "96.3 %", "0.012 nats".
[[nodiscard]] QString quantity_text(double value, const QString& unit, int digits = 4);
/// A signed difference: "+0.12", "−3", "±0".
[[nodiscard]] QString change_text(double value, const QString& unit = {}, int digits = 3);

/// Draws with every digit as wide as "0", so that numbers stand in columns in any font.
void draw_tabular(QPainter& painter, const QRectF& box, const QString& text, Qt::Alignment alignment);
[[nodiscard]] qreal tabular_width(const QFont& font, const QString& text);
/// The family for code and exact values.
[[nodiscard]] QFont code_font(const QFont& like);

}  // namespace vitrine::views
