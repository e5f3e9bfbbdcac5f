#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "views/data/axes.h"

namespace vitrine::views {
namespace {

using Anchor = TextItem::Anchor;

struct Series {
  std::string name;
  const std::vector<float>* values = nullptr;
  Color color;
};

std::vector<Series> series_of(const Sheet& sheet, const engine::Report& report) {
  std::vector<Series> out;
  const auto& colors = sheet.style.series;
  for (const auto& array : report.arrays) {
    if (!usable(array, 1) || array.values.size() != report.arrays[0].values.size()) continue;
    out.push_back({array.name, &array.values, colors[out.size() % colors.size()]});
  }
  if (out.size() == 2) out[1].color = sheet.style.muted;
  return out;
}

double legend(Sheet& sheet, const std::vector<Series>& series, double x, double y) {
  if (series.size() < 2) return 0;
  const Font font = sheet.style.small_font();
  for (const auto& s : series) {
    sheet.rect({x, y + font.size * 0.25, font.size * 0.8, font.size * 0.8}, s.color, {}, 2);
    auto name = s.name;
    std::replace(name.begin(), name.end(), '_', ' ');
    sheet.text_middle({x + font.size * 1.2, y + font.size * 0.65}, name, font, sheet.style.text);
    x += font.size * 2.6 + sheet.width(name, font);
  }
  return line_height(font) + 4;
}

ValueRange bar_range(const std::vector<Series>& series, const FigureOptions& options) {
  std::vector<float> all;
  for (const auto& s : series) all.insert(all.end(), s.values->begin(), s.values->end());
  double lo = 0, hi = 0;
  for (const float v : all)
    if (std::isfinite(v)) lo = std::min<double>(lo, v), hi = std::max<double>(hi, v);
  if (options.range == RangeMode::Manual) lo = options.lo.value_or(lo), hi = options.hi.value_or(hi);
  if (!(hi > lo)) hi = lo + 1;
  return {lo, hi};
}

/// Labelled items: one row each, label left, value at the end of the bar.
double rows_of_bars(Sheet& sheet, const std::vector<Series>& series, const std::vector<std::string>& labels,
                    const Box& area) {
  const Font font = sheet.style.label_font(), number = sheet.style.tiny_font();
  const int count = static_cast<int>(labels.size());
  const auto groups = static_cast<double>(series.size());
  const double natural = std::max(font.size * 1.9, groups * font.size * 1.05 + 6);
  const double pitch =
      area.h > 0 ? std::clamp(area.h / count, std::max(font.size * 1.35, groups * 7.0 + 3), natural) : natural;
  const double room = widest(sheet, labels, count, font, area.w * 0.35) + 10;
  const ValueRange range = bar_range(series, sheet.options);
  double value_room = 0;
  for (const auto& s : series)
    for (const float v : *s.values) value_room = std::max(value_room, sheet.width(format_value(v, 3), number));
  const double left = area.x + room + (range.lo < 0 ? value_room + 6 : 0);
  const double wide = std::max(20.0, area.right() - left - value_room - 8);
  const double zero = left + range.position(0) * wide;
  for (int i = 0; i < count; ++i) {
    const double top = area.y + i * pitch, bar = (pitch * 0.74) / groups;
    sheet.rect({area.x, top, area.w, pitch}, kTransparent, fmt::format("bar {}", i));
    sheet.text_middle({area.x + room - 8, top + pitch / 2},
                      elide(labels[static_cast<std::size_t>(i)], room - 10, font, sheet.measure), font,
                      sheet.style.text, Anchor::End);
    for (std::size_t s = 0; s < series.size(); ++s) {
      const float v = (*series[s].values)[static_cast<std::size_t>(i)];
      const double y = top + pitch * 0.13 + static_cast<double>(s) * bar;
      if (std::isfinite(v)) {
        const double end = left + range.position(v) * wide;
        sheet.rect({std::min(zero, end), y, std::max(0.75, std::abs(end - zero)), bar - (groups > 1 ? 1 : 0)},
                   series[s].color, {}, 1);
        sheet.text_middle({end + (v < 0 ? -5 : 5), y + bar / 2}, format_value(v, 3), number, sheet.style.muted,
                          v < 0 ? Anchor::End : Anchor::Start);
      } else {
        sheet.text_middle({zero + 5, y + bar / 2}, format_value(v), number, sheet.style.muted);
      }
    }
  }
  sheet.line({zero, area.y}, {zero, area.y + pitch * count}, sheet.style.muted, sheet.style.hairline);
  return pitch * count;
}

/// Many or unlabelled items: columns over a number axis.
double columns_of_bars(Sheet& sheet, const std::vector<Series>& series, const engine::Array& array, const Box& area) {
  const auto count = static_cast<int>(array.values.size());
  const Box room{area.x, area.y, area.w, area.h > 0 ? area.h : std::min(260.0, area.w * 0.5)};
  NumberAxes axes;
  const ValueRange y = bar_range(series, sheet.options);
  axes.x = {-0.5, count - 0.5};
  axes.y = {y.lo < 0 ? y.lo * 1.05 : 0, y.hi > 0 ? y.hi * 1.05 : 0};
  axes.y_ticks = ticks(axes.y, 5);
  for (int i = 0; i < count; i += index_step(count, static_cast<int>(area.w / 44)))
    axes.x_ticks.push_back({double(i), std::to_string(i)});
  axes.x_title = axis_title(array, 0);
  axes.y_title = value_title(array);
  const Box plot = fit_axes(sheet, axes, room);
  draw_axes(sheet, axes, plot);
  const double pitch = plot.w / count, bar = pitch * (pitch > 4 ? 0.8 : 1) / static_cast<double>(series.size());
  const double zero = plot.bottom() - axes.y.position(0) * plot.h;
  for (int i = 0; i < count; ++i) {
    for (std::size_t s = 0; s < series.size(); ++s) {
      const float v = (*series[s].values)[static_cast<std::size_t>(i)];
      if (!std::isfinite(v)) continue;
      const double end = plot.bottom() - axes.y.position(v) * plot.h;
      sheet.rect(
          {plot.x + (i + 0.5) * pitch - bar * static_cast<double>(series.size()) / 2 + bar * static_cast<double>(s),
           std::min(zero, end), bar, std::abs(end - zero)},
          series[s].color);
    }
    sheet.rect({plot.x + i * pitch, plot.y, pitch, plot.h}, kTransparent, fmt::format("bar {}", i));
  }
  return room.h;
}

}  // namespace

double layout_bars(Sheet& sheet, const engine::Report& report, const Box& area) {
  if (report.arrays.empty() || !usable(report.arrays[0], 1))
    return sheet.message(area, "There are no values to draw.");
  const auto series = series_of(sheet, report);
  const auto labels = axis_labels(report, report.arrays[0], 0);
  const double head = legend(sheet, series, area.x, area.y);
  const Box rest{area.x, area.y + head, area.w, area.h > 0 ? std::max(20.0, area.h - head) : 0};
  const bool rows = !labels.empty() && labels.size() <= 200;
  return head +
         (rows ? rows_of_bars(sheet, series, labels, rest) : columns_of_bars(sheet, series, report.arrays[0], rest));
}

}  // namespace vitrine::views
