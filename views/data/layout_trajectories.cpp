#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "views/data/axes.h"

namespace vitrine::views {
namespace {

struct Space {
  const engine::Array* array = nullptr;
  int layers = 0, tokens = 0, components = 0;
  [[nodiscard]] double at(int layer, int token, int component) const {
    const auto i =
        (static_cast<std::size_t>(layer) * static_cast<std::size_t>(tokens) + static_cast<std::size_t>(token)) *
            static_cast<std::size_t>(components) +
        static_cast<std::size_t>(component);
    return array->values[i];
  }
};

ValueRange range_of(const Space& space, int component, double u0, double u1) {
  double lo = std::numeric_limits<double>::infinity(), hi = -lo;
  for (int l = 0; l < space.layers; ++l)
    for (int t = 0; t < space.tokens; ++t) {
      const double v = space.at(l, t, component);
      if (std::isfinite(v)) lo = std::min(lo, v), hi = std::max(hi, v);
    }
  return lo <= hi ? axis_range(lo, hi, u0, u1) : axis_range(0, 1, u0, u1);
}

std::string component_title(const engine::Report& report, const engine::Array& array, int component) {
  const auto labels = axis_labels(report, array, 2);
  return labels.empty() ? fmt::format("component {}", component + 1) : labels[static_cast<std::size_t>(component)];
}

struct Drawing {
  const Space& space;
  const NumberAxes& axes;
  const Box& plot;
  const ColorMap& map;
  [[nodiscard]] Point at(int layer, int token) const {
    const double u = (space.at(layer, token, 0) - axes.x.lo) / (axes.x.hi - axes.x.lo);
    const double v = (space.at(layer, token, 1) - axes.y.lo) / (axes.y.hi - axes.y.lo);
    return {plot.x + u * plot.w, plot.bottom() - v * plot.h};
  }
  [[nodiscard]] Color color(double layer) const { return map.at(space.layers > 1 ? layer / (space.layers - 1) : 0.5); }
};

void draw_paths(Sheet& sheet, const Drawing& d) {
  const bool many = d.space.tokens > 120;
  for (int t = 0; t < d.space.tokens; ++t)
    for (int l = 0; l + 1 < d.space.layers; ++l) {
      const Point a = d.at(l, t), b = d.at(l + 1, t);
      if (std::isfinite(a.x + a.y + b.x + b.y))
        sheet.path({a, b}, with_alpha(d.color(l + 0.5), many ? 0.25 : 0.6), sheet.style.hairline,
                   fmt::format("path {}", t));
    }
  for (int t = 0; t < d.space.tokens; ++t)
    for (int l = 0; l < d.space.layers; ++l) {
      const Point p = d.at(l, t);
      const bool last = l + 1 == d.space.layers;
      const double radius = sheet.style.body * (last ? 0.27 : many ? 0.09 : 0.15);
      if (std::isfinite(p.x + p.y))
        sheet.disc(p, radius, d.color(l), last ? with_alpha(sheet.style.surface, 0.8) : kTransparent,
                   fmt::format("point {} {}", l, t));
    }
}

void draw_names(Sheet& sheet, const engine::Report& report, const Drawing& d) {
  auto labels = axis_labels(report, *d.space.array, 1);
  const Font font = sheet.style.tiny_font();
  std::vector<Box> boxes;
  std::vector<std::string> names;
  for (int t = 0; t < d.space.tokens && t < 800; ++t) {
    const Point p = d.at(d.space.layers - 1, t);
    names.push_back(labels.empty() ? std::to_string(t)
                                   : elide(labels[static_cast<std::size_t>(t)], 90, font, sheet.measure));
    const double wide = sheet.width(names.back(), font), away = font.size * 0.55;
    const double x = p.x + away + wide > d.plot.right() ? p.x - away - wide : p.x + away;
    boxes.push_back({x, p.y - font.size * 0.6, wide + 2, font.size * 1.2});
  }
  const auto keep = keep_apart(boxes);
  for (std::size_t i = 0; i < boxes.size(); ++i)
    if (keep[i] && std::isfinite(boxes[i].x + boxes[i].y))
      sheet.text_middle({boxes[i].x, boxes[i].center().y}, names[i], font, sheet.style.text);
}

}  // namespace

double layout_trajectories(Sheet& sheet, const engine::Report& report, const Box& area) {
  if (report.arrays.empty() || !usable(report.arrays[0], 3) || report.arrays[0].shape[2] < 2)
    return sheet.message(area, "There are no trajectories to draw.");
  const auto& array = report.arrays[0];
  const Space space{&array, static_cast<int>(array.shape[0]), static_cast<int>(array.shape[1]),
                    static_cast<int>(array.shape[2])};
  const Viewport& view = sheet.options.view;
  const ValueRange layers{0, double(std::max(1, space.layers - 1))};
  const double line = line_height(sheet.style.label_font());
  const double bar = 30 + color_bar_room(sheet, layers) + line;
  const Box room{area.x, area.y, area.w - bar, area.h > 0 ? area.h : std::min(460.0, (area.w - bar) * 0.8)};
  NumberAxes axes;
  axes.x = range_of(space, 0, view.x0, view.x1);
  axes.y = range_of(space, 1, 1 - view.y1, 1 - view.y0);
  axes.x_title = component_title(report, array, 0);
  axes.y_title = component_title(report, array, 1);
  axes.x_ticks = ticks(axes.x, std::max(2, static_cast<int>(room.w / 90)));
  axes.y_ticks = ticks(axes.y, std::max(2, static_cast<int>(room.h / 60)));
  const Box plot = fit_axes(sheet, axes, room);
  draw_axes(sheet, axes, plot);
  const ColorMap map = marker_map(sheet, false);
  const Drawing drawing{space, axes, plot, map};
  sheet.clip(plot);
  draw_paths(sheet, drawing);
  draw_names(sheet, report, drawing);
  sheet.unclip();
  const auto title = axis_title(array, 0);
  draw_color_bar(sheet, map, layers, {room.right() + 12, plot.y, 10, std::min(plot.h, 180.0)},
                 title.empty() ? "layer" : title, true);
  sheet.list.plot = plot;
  return room.h;
}

}  // namespace vitrine::views
