#pragma once

#include <QColor>
#include <QString>

namespace vitrine::views {

/// What a canvas or a scene needs to know of the window's theme.
struct CanvasTheme {
  bool dark = true;
  QColor background;  ///< behind everything
  QColor surface;     ///< hover cards, chips, cells that were not computed
  QColor line;        ///< borders and grid
  QColor text;
  QColor muted;    ///< secondary text
  QColor accent;   ///< the one accent: selection, crosshair
  QColor second;   ///< the second of two heads; complements the accent
  QString family;  ///< first of these families that exists is used, then DejaVu Sans
  double text_px = 12;

  [[nodiscard]] static CanvasTheme dark_default();
  [[nodiscard]] static CanvasTheme light_default();
  friend bool operator==(const CanvasTheme&, const CanvasTheme&) = default;
};

}  // namespace vitrine::views
