#include <algorithm>

#include "views/canvas/canvas_widget.h"

namespace vitrine::views {

void CanvasWidget::draw_card(ImDrawList& list, ImVec2 cursor, const HoverCard& card) {
  card_ = card;
  constexpr float kPad = 9, kGap = 18, kOffset = 16;
  TextStyle title = text_style(1, true);
  title.max_width = 320;
  const TextStyle name = text_style(0.95);
  TextStyle figure = text_style(0.95, false, true);
  figure.max_width = 0;
  TextStyle footer = text_style(0.88);
  footer.max_width = 340;

  const ImVec2 title_size = card.title.empty() ? ImVec2(0, 0) : measure(card.title, title);
  const float row_height = measure("0", name).y + 3;
  float names = 0, figures = 0;
  for (const auto& [what, how_much] : card.rows) {
    names = std::max(names, measure(what, name).x);
    figures = std::max(figures, measure(how_much, figure).x);
  }
  const ImVec2 footer_size = card.footer.empty() ? ImVec2(0, 0) : measure(card.footer, footer);
  const float inner =
      std::max({title_size.x, names + kGap + figures, footer_size.x, card.picture_width});
  float height = 2 * kPad + row_height * static_cast<float>(card.rows.size());
  if (!card.title.empty()) height += title_size.y + (card.rows.empty() ? 0 : 5);
  if (!card.footer.empty()) height += footer_size.y + 5;
  if (card.picture != 0) height += card.picture_height + 8;
  const float full = inner + 2 * kPad;

  const auto w = static_cast<float>(width());
  const auto h = static_cast<float>(this->height());
  ImVec2 at(cursor.x + kOffset, cursor.y + kOffset);
  if (at.x + full > w - 4) at.x = cursor.x - kOffset - full;
  if (at.y + height > h - 4) at.y = cursor.y - kOffset - height;
  at.x = std::max(4.0F, std::min(at.x, w - 4 - full));
  at.y = std::max(4.0F, std::min(at.y, h - 4 - height));

  list.AddRectFilled({at.x, at.y + 2}, {at.x + full, at.y + height + 3}, IM_COL32(0, 0, 0, 70), 5);
  list.AddRectFilled(at, {at.x + full, at.y + height}, color(theme_.surface), 4);
  list.AddRect(at, {at.x + full, at.y + height}, color(theme_.line), 4);
  float y = at.y + kPad;
  if (!card.title.empty()) {
    text(list, {at.x + kPad, y}, card.title, title, color(theme_.text));
    y += title_size.y + 5;
  }
  if (card.picture != 0) {
    const ImVec2 corner(at.x + kPad, y + 2);
    const ImVec2 end(corner.x + card.picture_width, corner.y + card.picture_height);
    list.AddImage(texture_id(card.picture), corner, end);
    list.AddRect({corner.x - 1, corner.y - 1}, {end.x + 1, end.y + 1}, color(theme_.line));
    y += card.picture_height + 8;
  }
  for (const auto& [what, how_much] : card.rows) {
    text(list, {at.x + kPad, y}, what, name, color(theme_.muted));
    const float shown = measure(how_much, figure).x;
    text(list, {at.x + full - kPad - shown, y}, how_much, figure, color(theme_.text));
    y += row_height;
  }
  if (!card.footer.empty())
    text(list, {at.x + kPad, y + 3}, card.footer, footer, color(theme_.muted));
}

}  // namespace vitrine::views
