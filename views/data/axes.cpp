#include "views/data/axes.h"

#include <cmath>

namespace vitrine::views {
namespace {

using Anchor = TextItem::Anchor;

std::string label_at(const LabelAxis& axis, int i) {
  return axis.labels.empty() ? std::to_string(i) : axis.labels[static_cast<std::size_t>(i)];
}

}  // namespace

double widest(const Sheet& sheet, const std::vector<std::string>& labels, int count, const Font& font, double limit,
              int step) {
  if (labels.empty()) return std::min(limit, sheet.width(std::to_string(std::max(0, count - 1)), font));
  double wide = 0;
  const std::size_t stride = static_cast<std::size_t>(step) *
                             std::max<std::size_t>(1, labels.size() / (400 * static_cast<std::size_t>(step)));
  for (std::size_t i = 0; i < labels.size() && wide < limit; i += stride)
    wide = std::max(wide, sheet.width(labels[i], font));
  return std::min(limit, wide);
}

Font label_font_for(const Style& style, double pitch) {
  Font font = style.label_font();
  font.size = std::clamp(pitch / 1.12, std::min(font.size, style.tiny * 0.84), font.size);
  return font;
}

/// "importance (nats)" loses its unit before its letters.
static std::string fit_title(const Sheet& sheet, const std::string& title, double room, const Font& font) {
  const auto unit = title.rfind(" (");
  if (sheet.width(title, font) <= room || unit == std::string::npos) return elide(title, room, font, sheet.measure);
  return elide(title.substr(0, unit), room, font, sheet.measure);
}

void draw_row_axis(Sheet& sheet, const LabelAxis& axis, double x, double top, double height) {
  const Font font = axis.font, heading = sheet.style.label_font();
  const double room = axis.room - (axis.title.empty() ? 0 : line_height(heading));
  for (int i = 0; i < axis.to; i += axis.step) {
    if (i < axis.from) continue;
    const double y = axis.origin + (i + 0.5) * axis.pitch;
    if (y < top || y > top + height) continue;
    sheet.text_middle({x - 5, y}, elide(label_at(axis, i), room - 5, font, sheet.measure), font, sheet.style.text,
                      Anchor::End);
  }
  sheet.text({x - axis.room + heading.size * 0.8, top + height / 2}, axis.title, heading, sheet.style.muted,
             Anchor::Middle, -90);
}

void draw_column_axis(Sheet& sheet, const LabelAxis& axis, double y, double left, double width) {
  const Font font = axis.font, heading = sheet.style.label_font();
  const double room = axis.room - (axis.title.empty() ? 0 : line_height(heading));
  for (int i = 0; i < axis.to; i += axis.step) {
    if (i < axis.from) continue;
    const double x = axis.origin + (i + 0.5) * axis.pitch;
    if (x < left || x > left + width) continue;
    if (axis.upright)
      sheet.text({x + baseline_shift(font), y + 5}, elide(label_at(axis, i), room - 5, font, sheet.measure), font,
                 sheet.style.text, Anchor::End, -90);
    else sheet.text({x, y + 4 + font.size * 0.8}, label_at(axis, i), font, sheet.style.text, Anchor::Middle);
  }
  sheet.text({left + width / 2, y + axis.room - heading.size * 0.3}, axis.title, heading, sheet.style.muted,
             Anchor::Middle);
}

double color_bar_room(const Sheet& sheet, const ValueRange& range) {
  // A low bar has fewer ticks, and those may have more digits.
  double wide = 0;
  for (int wanted = 2; wanted <= 6; ++wanted)
    for (const auto& tick : ticks(range, wanted)) wide = std::max(wide, sheet.width(tick.label, sheet.style.label_font()));
  return wide + 6;
}

void draw_color_bar(Sheet& sheet, const ColorMap& map, const ValueRange& range, const Box& box,
                    const std::string& title, bool whole) {
  auto raster = std::make_shared<Raster>();
  raster->width = 1;
  raster->height = 256;
  for (int i = 0; i < 256; ++i) raster->pixels.push_back(map.table[static_cast<std::size_t>(255 - i)]);
  sheet.list.items.emplace_back(ImageItem{box, std::move(raster), true, {}});
  sheet.frame(box, sheet.style.border, sheet.style.hairline);
  const Font font = sheet.style.label_font();
  int wanted = std::clamp(static_cast<int>(box.h / (3 * font.size)), 2, 5);
  if (whole) wanted = std::clamp(static_cast<int>(range.hi - range.lo), 1, wanted);
  for (const auto& tick : ticks(range, wanted)) {
    if (whole && tick.value != std::round(tick.value)) continue;
    const double y = box.bottom() - range.position(tick.value) * box.h;
    sheet.line({box.right(), y}, {box.right() + (tick.minor ? 2 : 3), y}, sheet.style.muted, sheet.style.hairline);
    sheet.text_middle({box.right() + 6, y}, tick.label, font, sheet.style.text);
  }
  if (title.empty()) return;
  const double x = box.right() + color_bar_room(sheet, range) + font.size;
  sheet.text({x, box.y + box.h / 2}, fit_title(sheet, title, std::max(box.h, 60.0), font), font, sheet.style.muted,
             Anchor::Middle, -90);
}

ValueRange axis_range(double min, double max, double u0, double u1) {
  if (!(max > min)) {
    const double room = min == 0 ? 1 : std::abs(min) * 0.1;
    min -= room;
    max += room;
  }
  const double pad = 0.05 * (max - min);
  min -= pad;
  max += pad;
  return {min + (max - min) * u0, min + (max - min) * std::max(u1, u0 + 1e-6)};
}

Box fit_axes(const Sheet& sheet, const NumberAxes& axes, const Box& area) {
  const Font font = sheet.style.label_font();
  double left = 0;
  for (const auto& tick : axes.y_ticks) left = std::max(left, sheet.width(tick.label, font));
  left += 7 + (axes.y_title.empty() ? 0 : line_height(font));
  const double under = 6 + font.size + (axes.x_title.empty() ? 0 : line_height(font));
  const double over = font.size * 0.5, right = font.size * 1.2;
  return {area.x + left, area.y + over, std::max(20.0, area.w - left - right), std::max(20.0, area.h - under - over)};
}

void draw_axes(Sheet& sheet, const NumberAxes& axes, const Box& plot) {
  const Style& style = sheet.style;
  const Font font = style.label_font();
  for (const auto& tick : axes.x_ticks) {
    const double x = plot.x + axes.x.position(tick.value) * plot.w;
    sheet.line({x, plot.y}, {x, plot.bottom()}, style.faint, style.hairline);
    sheet.line({x, plot.bottom()}, {x, plot.bottom() + 3}, style.muted, style.hairline);
    sheet.text({x, plot.bottom() + 5 + font.size * 0.8}, tick.label, font, style.text, Anchor::Middle);
  }
  for (const auto& tick : axes.y_ticks) {
    const double y = plot.bottom() - axes.y.position(tick.value) * plot.h;
    sheet.line({plot.x, y}, {plot.right(), y}, style.faint, style.hairline);
    sheet.line({plot.x - 3, y}, {plot.x, y}, style.muted, style.hairline);
    sheet.text_middle({plot.x - 6, y}, tick.label, font, style.text, Anchor::End);
  }
  sheet.path({{plot.x, plot.y}, {plot.x, plot.bottom()}, {plot.right(), plot.bottom()}}, style.muted, style.hairline);
  sheet.text({plot.x + plot.w / 2, plot.bottom() + 6 + font.size + line_height(font) * 0.85}, axes.x_title, font,
             style.muted, Anchor::Middle);
  double wide = 0;
  for (const auto& tick : axes.y_ticks) wide = std::max(wide, sheet.width(tick.label, font));
  sheet.text({plot.x - wide - 10 - font.size * 0.25, plot.y + plot.h / 2}, fit_title(sheet, axes.y_title, std::max(plot.h + 2 * font.size, 40.0), font), font,
             style.muted, Anchor::Middle, -90);
}

}  // namespace vitrine::views
