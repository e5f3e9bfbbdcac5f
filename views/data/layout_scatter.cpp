#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include <fmt/format.h>

#include "views/data/axes.h"

namespace vitrine::views {
namespace {

ValueRange range_of(const std::vector<float>& values, double u0, double u1) {
  double lo = std::numeric_limits<double>::infinity(), hi = -lo;
  for (const float v : values)
    if (std::isfinite(v)) lo = std::min<double>(lo, v), hi = std::max<double>(hi, v);
  return lo <= hi ? axis_range(lo, hi, u0, u1) : axis_range(0, 1, u0, u1);
}

struct Points {
  std::vector<Point> at;
  std::vector<int> index;
};

/// Labels the points farthest from the middle first, as long as labels stay clear of each other and of the markers.
void draw_labels(Sheet& sheet, const Points& points, const std::vector<std::string>& labels, const Box& plot,
                 double radius) {
  const Font font = sheet.style.tiny_font();
  std::vector<std::size_t> order(points.at.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const Point middle = plot.center();
  const auto away = [&](std::size_t i) {
    return std::hypot((points.at[i].x - middle.x) / plot.w, (points.at[i].y - middle.y) / plot.h);
  };
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return away(a) > away(b); });
  if (order.size() > 600) order.resize(600);
  std::vector<Box> taken;
  for (const auto i : order)
    taken.push_back({points.at[i].x - radius, points.at[i].y - radius, 2 * radius, 2 * radius});
  const auto free = [&](const Box& box) {
    for (const auto& other : taken)
      if (box.x < other.right() && other.x < box.right() && box.y < other.bottom() && other.y < box.bottom())
        return false;
    return box.x >= plot.x && box.right() <= plot.right() && box.y >= plot.y && box.bottom() <= plot.bottom();
  };
  for (const auto i : order) {
    const auto text = elide(labels[static_cast<std::size_t>(points.index[i])], 110, font, sheet.measure);
    const double w = sheet.width(text, font), h = font.size * 1.1, away_by = radius + 2;
    const Point p = points.at[i];
    for (const Box& box : {Box{p.x + away_by, p.y - h / 2, w, h}, Box{p.x - away_by - w, p.y - h / 2, w, h},
                           Box{p.x - w / 2, p.y - away_by - h, w, h}, Box{p.x - w / 2, p.y + away_by, w, h}}) {
      if (!free(box)) continue;
      taken.push_back(box);
      sheet.text_middle({box.x, box.y + h / 2}, text, font, sheet.style.text);
      break;
    }
  }
}

}  // namespace

double layout_scatter(Sheet& sheet, const engine::Report& report, const Box& area) {
  if (report.arrays.size() < 2 || !usable(report.arrays[0], 1) || !usable(report.arrays[1], 1) ||
      report.arrays[0].values.size() != report.arrays[1].values.size())
    return sheet.message(area, "There are no points to draw.");
  const auto &xs = report.arrays[0], &ys = report.arrays[1];
  const Viewport& view = sheet.options.view;
  NumberAxes axes;
  axes.x = range_of(xs.values, view.x0, view.x1);
  axes.y = range_of(ys.values, 1 - view.y1, 1 - view.y0);
  axes.x_title = value_title(xs);
  axes.y_title = value_title(ys);
  const bool colored =
      report.arrays.size() > 2 && usable(report.arrays[2], 1) && report.arrays[2].values.size() == xs.values.size();
  const std::vector<float>* colors = colored ? &report.arrays[2].values : nullptr;
  const ValueRange color_range =
      colored ? choose_range(*colors, sheet.options.range, sheet.options.lo, sheet.options.hi) : ValueRange{};
  const double bar = colored ? 30 + color_bar_room(sheet, color_range) + line_height(sheet.style.label_font()) : 0;
  const Box room{area.x, area.y, area.w - bar, area.h > 0 ? area.h : std::min(420.0, (area.w - bar) * 0.72)};
  axes.x_ticks = ticks(axes.x, std::max(2, static_cast<int>(room.w / 80)));
  axes.y_ticks = ticks(axes.y, std::max(2, static_cast<int>(room.h / 50)));
  const Box plot = fit_axes(sheet, axes, room);
  draw_axes(sheet, axes, plot);
  const ColorMap map = marker_map(sheet, colored && is_diverging(sheet.options, *colors));
  const double radius = xs.values.size() > 400 ? sheet.style.body * 0.18 : sheet.style.body * 0.32;
  const Color edge = with_alpha(colored ? sheet.style.text : sheet.style.surface, colored ? 0.45 : 0.8);
  Points points;
  sheet.clip({plot.x - radius, plot.y - radius, plot.w + 2 * radius, plot.h + 2 * radius});
  for (std::size_t i = 0; i < xs.values.size(); ++i) {
    const double x = xs.values[i], y = ys.values[i];
    if (!std::isfinite(x) || !std::isfinite(y)) continue;
    if (x < axes.x.lo || x > axes.x.hi || y < axes.y.lo || y > axes.y.hi) continue;
    const Point at{plot.x + axes.x.position(x) * plot.w, plot.bottom() - axes.y.position(y) * plot.h};
    Color fill = with_alpha(sheet.style.accent, 0.75);
    if (colored) fill = std::isnan((*colors)[i]) ? sheet.style.missing : map.at(color_range.position((*colors)[i]));
    sheet.disc(at, radius, fill, edge, fmt::format("point {}", i));
    points.at.push_back(at);
    points.index.push_back(static_cast<int>(i));
  }
  const auto labels = axis_labels(report, xs, 0);
  if (!labels.empty()) draw_labels(sheet, points, labels, plot, radius);
  sheet.unclip();
  if (colored)
    draw_color_bar(sheet, map, color_range, {room.right() + 14, plot.y, 10, std::min(plot.h, 200.0)},
                   value_title(report.arrays[2]),
                   std::all_of(colors->begin(), colors->end(), [](float v) { return v == std::round(v); }));
  sheet.list.plot = plot;
  return room.h;
}

}  // namespace vitrine::views
