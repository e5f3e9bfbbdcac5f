#include "views/canvas/canvas_theme.h"

namespace vitrine::views {

CanvasTheme CanvasTheme::dark_default() {
  return {true,      QColor(0x17191c), QColor(0x25282d), QColor(0x3b4047),
          QColor(0xe4e6ea), QColor(0x98a0aa), QColor(0xff9142), QStringLiteral("Inter"), 12};
}

CanvasTheme CanvasTheme::light_default() {
  return {false,     QColor(0xfbfbfc), QColor(0xeef0f2), QColor(0xcdd2d8),
          QColor(0x1c1f23), QColor(0x5d6670), QColor(0xd4550a), QStringLiteral("Inter"), 12};
}

}  // namespace vitrine::views
