#include <cmath>

#include <fmt/format.h>

#include "views/data/axes.h"

namespace vitrine::views {
namespace {

using Anchor = TextItem::Anchor;

struct ChipColors {
  const ColorMap* map = nullptr;
  ValueRange range;
  const std::vector<float>* values = nullptr;  ///< one a token, or null
};

ChipColors chip_colors(const Sheet& sheet, const engine::Report& report) {
  ChipColors out;
  if (report.arrays.empty() || !usable(report.arrays[0], 1) || report.arrays[0].values.size() != report.tokens.size())
    return out;
  out.values = &report.arrays[0].values;
  out.range = choose_range(*out.values, sheet.options.range, sheet.options.lo, sheet.options.hi);
  out.map = &map_for(sheet, is_diverging(sheet.options, *out.values));
  return out;
}

void draw_chip(Sheet& sheet, const engine::TokenLabel& token, const std::string& text, const Box& box,
               const ChipColors& colors, std::size_t i) {
  Color fill = sheet.style.raised, ink = token.special ? sheet.style.muted : sheet.style.text;
  if (colors.values) {
    const float v = (*colors.values)[i];
    fill = std::isnan(v) ? sheet.style.missing : colors.map->at(colors.range.position(v));
    ink = readable_on(fill);
  }
  sheet.rect(box, fill, fmt::format("token {}", i), 3);
  if (token.special) sheet.frame(box, sheet.style.border, sheet.style.hairline, 3);
  sheet.text_middle(box.center(), text, sheet.style.body_font(), ink, Anchor::Middle);
}

bool looks_like_code(std::string_view text) {
  const auto first = text.find_first_not_of(" \n\t");
  return first != std::string_view::npos && (text[first] == '{' || text[first] == '[');
}

}  // namespace

double layout_tokens(Sheet& sheet, const engine::Report& report, const Box& area) {
  if (report.tokens.empty()) return sheet.message(area, "There are no tokens to show.");
  const ChipColors colors = chip_colors(sheet, report);
  const Font font = sheet.style.body_font();
  const double chip = font.size * 1.75, pitch = chip + 5, inside = font.size * 0.45;
  double x = area.x, y = area.y;
  const double right = area.right() - (colors.values ? 70 : 0);
  for (std::size_t i = 0; i < report.tokens.size(); ++i) {
    const auto& token = report.tokens[i];
    const auto text = elide(visible_text(token.text), right - area.x - 2 * inside, font, sheet.measure);
    const double wide = std::max(chip * 0.7, sheet.width(text, font) + 2 * inside);
    const bool word = !token.text.empty() && token.text[0] == ' ';
    if (word && x > area.x) x += font.size * 0.25;
    if (x + wide > right && x > area.x) {
      x = area.x;
      y += pitch;
    }
    draw_chip(sheet, token, text, {x, y, wide, chip}, colors, i);
    x += wide + 3;
    if (token.text.find('\n') != std::string::npos) {
      x = area.x;
      y += pitch;
    }
  }
  const double high = y + chip - area.y;
  if (!colors.values) return high;
  const double bar = std::max(80.0, std::min(high, 160.0));
  draw_color_bar(sheet, *colors.map, colors.range, {right + 14, area.y, 10, bar}, value_title(report.arrays[0]));
  return std::max(high, bar + 4);
}

double layout_text(Sheet& sheet, const engine::Report& report, const Box& area) {
  if (report.text.empty()) return sheet.message(area, "There is no text to show.");
  const bool code = looks_like_code(report.text);
  const Font font{sheet.style.body, false, code ? Font::Face::Mono : Font::Face::Sans, false};
  const double wide = code ? area.w : std::min(area.w, font.size * 48);
  double y = area.y;
  for (const auto& run : wrap(report.text, wide, font, sheet.measure, 4000)) {
    sheet.text_middle({area.x, y + line_height(font) / 2}, run, font, sheet.style.text);
    y += line_height(font);
  }
  return y - area.y;
}

}  // namespace vitrine::views
