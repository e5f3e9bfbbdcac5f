#include <algorithm>
#include <cmath>
#include <span>

#include <fmt/format.h>

#include "views/data/axes.h"
#include "views/data/matrix.h"

namespace vitrine::views {
namespace {

using Anchor = TextItem::Anchor;
constexpr std::size_t kMostLines = 3000;

struct Weight {
  int query = 0, key = 0;
  float value = 0;
};

/// Those of the focused query, or of all; strongest last, so that it is drawn on top.
std::vector<Weight> strongest(const Cells& cells, int focus, double threshold) {
  float top = 0;
  for (std::size_t i = 0; i < cells.values.size(); ++i) {
    const bool counted = focus < 0 || i / static_cast<std::size_t>(cells.cols) == static_cast<std::size_t>(focus);
    if (counted && std::isfinite(cells.values[i])) top = std::max(top, std::abs(cells.values[i]));
  }
  std::vector<Weight> out;
  for (int q = 0; q < cells.rows; ++q) {
    if (focus >= 0 && q != focus) continue;
    for (int k = 0; k < cells.cols; ++k) {
      const float v = cells.values[static_cast<std::size_t>(q) * static_cast<std::size_t>(cells.cols) +
                                   static_cast<std::size_t>(k)];
      if (std::isfinite(v) && v != 0 && std::abs(v) >= threshold * top) out.push_back({q, k, v});
    }
  }
  std::stable_sort(out.begin(), out.end(),
                   [](const Weight& a, const Weight& b) { return std::abs(a.value) < std::abs(b.value); });
  if (out.size() > kMostLines) out.erase(out.begin(), out.end() - static_cast<std::ptrdiff_t>(kMostLines));
  return out;
}

std::vector<Point> ribbon(Point a, Point b) {
  std::vector<Point> points;
  const double bend = (b.x - a.x) * 0.45;
  for (int i = 0; i <= 36; ++i) {
    const double u = i / 36.0, v = 1 - u;
    points.push_back({v * v * v * a.x + 3 * v * v * u * (a.x + bend) + 3 * v * u * u * (b.x - bend) + u * u * u * b.x,
                      a.y * (v * v * v + 3 * v * v * u) + b.y * (3 * v * u * u + u * u * u)});
  }
  return points;
}

struct Column {
  std::vector<std::string> labels;
  std::string title;
  int count = 0;
  double edge = 0;  ///< where lines start or end
  bool left = true;
};

void draw_column(Sheet& sheet, const Column& column, double top, double pitch, double room, const char* tag,
                 int focus) {
  const Font font = sheet.style.body_font();
  const double x = column.edge + (column.left ? -8 : 8);
  const Anchor anchor = column.left ? Anchor::End : Anchor::Start;
  sheet.text_middle({x, top - pitch * 0.7}, column.title, sheet.style.small_font(), sheet.style.muted, anchor);
  for (int i = 0; i < column.count; ++i) {
    const double y = top + (i + 0.5) * pitch;
    const Box row{column.left ? column.edge - room : column.edge, top + i * pitch, room, pitch};
    const bool focused = column.left && i == focus;
    sheet.rect(row, focused ? with_alpha(sheet.style.accent, 0.16) : kTransparent, fmt::format("{} {}", tag, i), 3);
    const auto label = column.labels.empty() ? std::to_string(i) : column.labels[static_cast<std::size_t>(i)];
    sheet.text_middle({x, y}, elide(label, room - 16, font, sheet.measure), font, sheet.style.text, anchor);
    sheet.disc({column.edge, y}, 1.6, sheet.style.muted, kTransparent, {});
  }
}

}  // namespace

double layout_token_lines(Sheet& sheet, const engine::Report& report, const Box& area) {
  if (report.arrays.empty() || !usable(report.arrays[0], 2)) return sheet.message(area, "There is no matrix to draw.");
  const auto& array = report.arrays[0];
  const auto cells = cells_of(array, 0, sheet.options.hide_first);
  const int most = std::max(cells.rows, cells.cols);
  if (most > 2000) return sheet.message(area, fmt::format("{} tokens are too many for lines; use the matrix.", most));
  const Font font = sheet.style.body_font();
  Column left{axis_labels(report, array, 0), axis_title(array, 0), cells.rows, 0, true};
  Column right{axis_labels(report, array, 1), axis_title(array, 1), cells.cols, 0, false};
  const double header = line_height(font) * 1.2;
  const double natural = font.size * 1.65, least = font.size * 1.3;
  const double pitch = area.h > 0 ? std::clamp((area.h - header) / most, least, natural) : natural;
  const double room = std::max(widest(sheet, left.labels, left.count, font, area.w * 0.3),
                               widest(sheet, right.labels, right.count, font, area.w * 0.3)) +
                      20;
  const double span = std::clamp(area.w - 2 * room, 60.0, 420.0);
  left.edge = area.x + std::max(room, (area.w - span) / 2);
  right.edge = left.edge + span;
  const double top = area.y + header;
  const int focus = sheet.options.focus_row;
  draw_column(sheet, left, top, pitch, room, "query", focus);
  draw_column(sheet, right, top, pitch, room, "key", -1);
  const auto begin = cells.values.begin() + std::ptrdiff_t{focus >= 0 && focus < cells.rows ? focus : 0} * cells.cols;
  const bool one = focus >= 0 && focus < cells.rows;
  const std::span<const float> shown(begin, one ? begin + cells.cols : cells.values.end());
  const ValueRange range = choose_range(shown, sheet.options.range, sheet.options.lo, sheet.options.hi);
  const double scale = std::max(std::abs(range.lo), std::abs(range.hi));
  for (const auto& w : strongest(cells, focus, sheet.options.line_threshold)) {
    const double u = std::clamp(
        sheet.options.range == RangeMode::Log ? range.position(w.value) : std::abs(w.value) / scale, 0.0, 1.0);
    const Color base = w.value < 0 ? sheet.style.warning : sheet.style.accent;
    sheet.path(ribbon({left.edge + 2, top + (w.query + 0.5) * pitch}, {right.edge - 2, top + (w.key + 0.5) * pitch}),
               with_alpha(base, 0.08 + 0.84 * u), 0.5 + 2.3 * u, fmt::format("cell {} {}", w.query, w.key));
  }
  return header + pitch * most;
}

}  // namespace vitrine::views
