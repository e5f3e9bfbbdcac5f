#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "views/data/axes.h"

namespace vitrine::views {
namespace {

struct Curve {
  const engine::Array* array = nullptr;
  int index = 0;
  std::vector<double> x;
  Color color;
};

/// Axis labels as numbers, if every one of them is; else positions.
std::vector<double> positions(const engine::Array& array, bool& numeric) {
  std::vector<double> out;
  const auto& labels = array.axes.empty() ? std::vector<std::string>() : array.axes[0].labels;
  numeric = labels.size() == array.values.size();
  for (std::size_t i = 0; i < array.values.size(); ++i) {
    double value = static_cast<double>(i);
    if (numeric) {
      const auto& text = labels[i];
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
      numeric = error == std::errc() && end == text.data() + text.size() && std::isfinite(value);
    }
    out.push_back(value);
  }
  if (!numeric)
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<double>(i);
  return out;
}

struct Extent {
  double x0 = std::numeric_limits<double>::infinity(), x1 = -x0, y0 = x0, y1 = -x0, least_positive = x0;
};

Extent extent(const std::vector<Curve>& curves) {
  Extent e;
  for (const auto& curve : curves)
    for (std::size_t i = 0; i < curve.x.size(); ++i) {
      const double y = curve.array->values[i];
      e.x0 = std::min(e.x0, curve.x[i]), e.x1 = std::max(e.x1, curve.x[i]);
      if (!std::isfinite(y)) continue;
      e.y0 = std::min(e.y0, y), e.y1 = std::max(e.y1, y);
      if (y > 0) e.least_positive = std::min(e.least_positive, y);
    }
  return e;
}

ValueRange y_range(const Extent& e, const FigureOptions& options) {
  const auto& view = options.view;
  if (options.range == RangeMode::Log && e.least_positive < e.y1)
    return {options.lo && *options.lo > 0 ? *options.lo : e.least_positive, e.y1, Scale::Log};
  if (options.range == RangeMode::Manual && options.lo.value_or(e.y0) < options.hi.value_or(e.y1))
    return {options.lo.value_or(e.y0), options.hi.value_or(e.y1)};
  return e.y0 <= e.y1 ? axis_range(e.y0, e.y1, 1 - view.y1, 1 - view.y0) : ValueRange{0, 1};
}

/// Names at the ends of the lines, pushed apart; narrow figures read them in the margin all the same.
void draw_names(Sheet& sheet, const std::vector<Curve>& curves, const std::vector<double>& ends, const Box& plot,
                double room) {
  const Font font = sheet.style.small_font();
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < curves.size(); ++i) order.push_back(i);
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return ends[a] < ends[b]; });
  const double high = font.size * 1.2;
  std::vector<double> y;
  for (const auto i : order) y.push_back(y.empty() ? ends[i] : std::max(ends[i], y.back() + high));
  const double over = y.empty() ? 0 : y.back() - (plot.bottom() - high * 0.3);
  if (over > 0) {
    y.back() -= over;
    for (std::size_t k = y.size() - 1; k-- > 0;) y[k] = std::min(y[k], y[k + 1] - high);
  }
  for (std::size_t k = 0; k < order.size(); ++k) {
    const auto& curve = curves[order[k]];
    auto name = curve.array->name;
    std::replace(name.begin(), name.end(), '_', ' ');
    sheet.text_middle({plot.right() + 7, y[k]}, elide(name, room - 8, font, sheet.measure), font, curve.color);
  }
}

double draw_curve(Sheet& sheet, const Curve& curve, const NumberAxes& axes, const Box& plot) {
  std::vector<Point> run;
  double end = plot.center().y;
  const auto tag = fmt::format("line {}", curve.index);
  const bool dots = curve.x.size() <= 40;
  const auto flush = [&] {
    if (run.size() > 1) sheet.path(run, curve.color, sheet.style.line, tag);
    run.clear();
  };
  for (std::size_t i = 0; i < curve.x.size(); ++i) {
    const double y = curve.array->values[i];
    if (!std::isfinite(y) || (axes.y.scale == Scale::Log && y <= 0)) {
      flush();
      continue;
    }
    const double u = (curve.x[i] - axes.x.lo) / (axes.x.hi - axes.x.lo);
    const double v = axes.y.scale == Scale::Log ? axes.y.position(y) : (y - axes.y.lo) / (axes.y.hi - axes.y.lo);
    const Point at{plot.x + u * plot.w, plot.bottom() - v * plot.h};
    run.push_back(at);
    if (u <= 1 + 1e-9) end = std::clamp(at.y, plot.y, plot.bottom());
    if (dots)
      sheet.disc(at, sheet.style.line * 1.3, curve.color, kTransparent, fmt::format("line {} {}", curve.index, i));
  }
  flush();
  return end;
}

}  // namespace

double layout_curves(Sheet& sheet, const engine::Report& report, const Box& area) {
  std::vector<Curve> curves;
  bool all_numeric = true;
  for (std::size_t i = 0; i < report.arrays.size(); ++i) {
    if (!usable(report.arrays[i], 1)) continue;
    bool numeric = false;
    auto x = positions(report.arrays[i], numeric);
    all_numeric = all_numeric && numeric;
    const auto& colors = sheet.style.series;
    curves.push_back({&report.arrays[i], static_cast<int>(i), std::move(x), colors[curves.size() % colors.size()]});
  }
  if (curves.empty()) return sheet.message(area, "There are no curves to draw.");
  const Font font = sheet.style.small_font();
  double names = 0;
  if (curves.size() > 1)
    for (const auto& curve : curves)
      names = std::max(names, std::min(area.w * 0.25, sheet.width(curve.array->name, font) + 14));
  const Extent e = extent(curves);
  const Viewport& view = sheet.options.view;
  const Box room{area.x, area.y, area.w - names, area.h > 0 ? area.h : std::min(360.0, area.w * 0.55)};
  NumberAxes axes;
  const double span = e.x1 > e.x0 ? e.x1 - e.x0 : 1;
  axes.x = {e.x0 + span * view.x0, e.x0 + span * std::max(view.x1, view.x0 + 1e-6)};
  axes.y = y_range(e, sheet.options);
  axes.y_ticks = ticks(axes.y, std::max(2, static_cast<int>(room.h / 50)));
  const auto labels = all_numeric ? std::vector<std::string>() : axis_labels(report, *curves[0].array, 0);
  if (labels.empty()) {
    axes.x_ticks = ticks(axes.x, std::max(2, std::min(static_cast<int>(room.w / 70), static_cast<int>(span))));
  } else {
    const double wide = widest(sheet, labels, 0, sheet.style.label_font(), 90) + 10;
    const int step = label_step(static_cast<int>(labels.size()), room.w / static_cast<double>(labels.size()), wide);
    for (std::size_t i = 0; i < labels.size(); i += static_cast<std::size_t>(step))
      if (double(i) >= axes.x.lo && double(i) <= axes.x.hi)
        axes.x_ticks.push_back({double(i), elide(labels[i], 90, font, sheet.measure)});
  }
  axes.x_title = axis_title(*curves[0].array, 0);
  axes.y_title = curves.size() == 1 ? value_title(*curves[0].array) : curves[0].array->unit;
  const Box plot = fit_axes(sheet, axes, room);
  draw_axes(sheet, axes, plot);
  std::vector<double> ends;
  sheet.clip({plot.x - 3, plot.y - 3, plot.w + 6, plot.h + 6});
  for (const auto& curve : curves) ends.push_back(draw_curve(sheet, curve, axes, plot));
  sheet.unclip();
  if (curves.size() > 1)
    draw_names(sheet, curves, ends, {plot.x, plot.y, room.right() - plot.x - font.size, plot.h}, names);
  sheet.list.plot = plot;
  return room.h;
}

}  // namespace vitrine::views
