#include "views/figure/theme.h"

namespace vitrine::views {

Style screen_style(const QPalette& palette) {
  const bool dark = palette.color(QPalette::Base).lightnessF() < 0.5;
  Style style = builtin_style(dark ? "dark" : "light", Medium::Screen);
  style.window = to_color(palette.color(QPalette::Window));
  style.surface = to_color(palette.color(QPalette::Base));
  style.text = to_color(palette.color(QPalette::WindowText));
  style.accent = to_color(palette.color(QPalette::Highlight));
  style.on_accent = to_color(palette.color(QPalette::HighlightedText));
  return style;
}

QPalette palette_of(const Style& style) {
  QPalette p;
  const auto set = [&p](QPalette::ColorRole role, Color color) { p.setColor(role, to_qcolor(color)); };
  set(QPalette::Window, style.window);
  set(QPalette::Base, style.surface);
  set(QPalette::AlternateBase, style.window);
  set(QPalette::Button, style.raised);
  set(QPalette::Mid, style.border);
  set(QPalette::ToolTipBase, style.raised);
  for (const auto role : {QPalette::WindowText, QPalette::Text, QPalette::ButtonText, QPalette::ToolTipText})
    set(role, style.text);
  set(QPalette::PlaceholderText, style.muted);
  set(QPalette::Highlight, style.accent);
  set(QPalette::HighlightedText, style.on_accent);
  set(QPalette::Link, style.accent);
  for (const auto role : {QPalette::WindowText, QPalette::Text, QPalette::ButtonText})
    p.setColor(QPalette::Disabled, role, to_qcolor(blend(style.window, with_alpha(style.text, 0.4))));
  return p;
}

}  // namespace vitrine::views
