#include "views/data/sheet.h"

#include <cmath>

namespace vitrine::views {

void Sheet::rect(const Box& box, Color fill, std::string tag, double radius) {
  RectItem item;
  item.box = box;
  item.fill = fill;
  item.radius = radius;
  item.tag = std::move(tag);
  list.items.emplace_back(std::move(item));
}

void Sheet::frame(const Box& box, Color stroke, double width, double radius) {
  RectItem item;
  item.box = box;
  item.stroke = stroke;
  item.stroke_width = width;
  item.radius = radius;
  list.items.emplace_back(std::move(item));
}

void Sheet::line(Point a, Point b, Color stroke, double width, bool dashed) {
  PathItem item;
  item.points = {a, b};
  item.stroke = stroke;
  item.width = width;
  item.dashed = dashed;
  list.items.emplace_back(std::move(item));
}

void Sheet::path(std::vector<Point> points, Color stroke, double width, std::string tag) {
  PathItem item;
  item.points = std::move(points);
  item.stroke = stroke;
  item.width = width;
  item.tag = std::move(tag);
  list.items.emplace_back(std::move(item));
}

void Sheet::polygon(std::vector<Point> points, Color fill) {
  PathItem item;
  item.points = std::move(points);
  item.fill = fill;
  item.closed = true;
  list.items.emplace_back(std::move(item));
}

void Sheet::disc(Point c, double radius, Color fill, Color stroke, std::string tag) {
  RectItem item;
  item.box = {c.x - radius, c.y - radius, 2 * radius, 2 * radius};
  item.fill = fill;
  item.stroke = stroke;
  item.stroke_width = stroke.a ? style.hairline : 0;
  item.radius = radius;
  item.tag = std::move(tag);
  list.items.emplace_back(std::move(item));
}

void Sheet::text(Point baseline, std::string_view text, const Font& font, Color color, TextItem::Anchor anchor,
                 double angle) {
  if (text.empty()) return;
  list.items.emplace_back(TextItem{baseline, std::string(text), font, color, anchor, angle, {}});
}

void Sheet::text_middle(Point middle, std::string_view run, const Font& font, Color color, TextItem::Anchor anchor) {
  text({middle.x, middle.y + baseline_shift(font)}, run, font, color, anchor);
}

double Sheet::message(const Box& area, std::string_view sentence) {
  const Font font = style.body_font();
  const auto lines = wrap(sentence, std::max(40.0, area.w - 4 * style.space), font, measure, 6);
  const double high = static_cast<double>(lines.size()) * line_height(font);
  const double room = area.h > 0 ? area.h : high + 6 * style.space;
  double y = area.y + std::max(0.0, (room - high) / 2) + line_height(font) / 2;
  for (const auto& run : lines) {
    text_middle({area.x + area.w / 2, y}, run, font, style.muted, TextItem::Anchor::Middle);
    y += line_height(font);
  }
  return std::max(room, high);
}

std::vector<std::string> axis_labels(const engine::Report& report, const engine::Array& array, std::size_t axis) {
  if (axis >= array.shape.size()) return {};
  const auto count = static_cast<std::size_t>(array.shape[axis]);
  std::vector<std::string> out;
  if (axis < array.axes.size() && array.axes[axis].labels.size() == count && count > 0) {
    for (const auto& label : array.axes[axis].labels) out.push_back(visible_text(label));
    return out;
  }
  const auto name = axis < array.axes.size() ? array.axes[axis].name : std::string();
  const bool of_tokens = name == "query" || name == "key" || name == "token" || name == "position";
  if (of_tokens && report.tokens.size() == count)
    for (const auto& token : report.tokens) out.push_back(visible_text(token.text));
  return out;
}

std::string axis_title(const engine::Array& array, std::size_t axis) {
  if (axis >= array.axes.size()) return {};
  const auto& a = array.axes[axis];
  return a.unit.empty() || a.unit == a.name ? a.name : a.name + " (" + a.unit + ")";
}

std::string value_title(const engine::Array& array) {
  auto name = array.name;
  for (auto& c : name)
    if (c == '_') c = ' ';
  if (array.unit.empty() || array.unit == name) return name;
  return name.empty() ? array.unit : name + " (" + array.unit + ")";
}

bool usable(const engine::Array& array, std::size_t rank) {
  if (array.shape.size() != rank || array.axes.size() > rank) return false;
  std::int64_t count = 1;
  for (const auto extent : array.shape) {
    if (extent <= 0 || extent > (std::int64_t{1} << 31) || count > (std::int64_t{1} << 31)) return false;
    count *= extent;
  }
  return count == static_cast<std::int64_t>(array.values.size());
}

bool is_diverging(const FigureOptions& options, std::span<const float> values) {
  if (options.range == RangeMode::Symmetric) return true;
  return options.range == RangeMode::Automatic && two_signed(values);
}

const ColorMap& map_for(const Sheet& sheet, bool diverging) {
  if (!sheet.options.color_map.empty()) return color_map(sheet.options.color_map);
  return color_map(diverging ? sheet.style.diverging : sheet.style.sequential);
}

ColorMap marker_map(const Sheet& sheet, bool diverging) {
  const ColorMap& map = map_for(sheet, diverging);
  if (diverging) return map;
  return sheet.style.dark ? slice(map, 0.25, 1) : slice(map, 0, 0.9);
}

}  // namespace vitrine::views
