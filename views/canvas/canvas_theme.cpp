#include "views/canvas/canvas_theme.h"

namespace vitrine::views {

CanvasTheme CanvasTheme::dark_default() {
  return {.dark = true,
          .background = QColor(0x15171a),
          .surface = QColor(0x2a2d31),
          .line = QColor(0x3f444b),
          .text = QColor(0xe4e6e9),
          .muted = QColor(0x989ea6),
          .accent = QColor(0x5b9bf0),
          .second = QColor(0xf0a35b),
          .family = QStringLiteral("Inter"),
          .text_px = 12};
}

CanvasTheme CanvasTheme::light_default() {
  return {.dark = false,
          .background = QColor(0xffffff),
          .surface = QColor(0xf3f4f5),
          .line = QColor(0xd3d6da),
          .text = QColor(0x1b1e22),
          .muted = QColor(0x626973),
          .accent = QColor(0x1f6fd0),
          .second = QColor(0xc2600c),
          .family = QStringLiteral("Inter"),
          .text_px = 12};
}

}  // namespace vitrine::views
