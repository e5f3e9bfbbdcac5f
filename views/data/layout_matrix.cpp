#include <cmath>
#include <optional>

#include <fmt/format.h>

#include "views/data/axes.h"
#include "views/data/bins.h"
#include "views/data/matrix.h"

namespace vitrine::views {
namespace {

using Anchor = TextItem::Anchor;
constexpr double kBarWidth = 10, kBarGap = 12;

int positive(double v) { return std::max(1, static_cast<int>(std::floor(v))); }

struct Limits {
  double cell_w, cell_h;  ///< largest cell
  bool square;
};

/// Rooms around the plot, then the plot that remains; label steps follow from the pitch.
struct Frame {
  LabelAxis rows, cols;
  Box plot, full;  ///< visible part; whole matrix (larger when zoomed)
  double bar_room = 0;
};

double right_room(const Sheet& sheet, const ValueRange& range, const std::string& title) {
  const double line = line_height(sheet.style.label_font());
  return kBarGap + kBarWidth + color_bar_room(sheet, range) + (title.empty() ? 0 : line);
}

void choose_column_labels(const Sheet& sheet, Frame& frame, double cell_w, double limit) {
  const double title = frame.cols.title.empty() ? 0 : line_height(sheet.style.label_font());
  const bool numbered = frame.cols.labels.empty();
  const Font font = frame.cols.font = numbered ? sheet.style.label_font() : label_font_for(sheet.style, cell_w);
  const double wide = widest(sheet, frame.cols.labels, frame.cols.count, font, limit);
  const int flat_step = numbered ? label_step(frame.cols.count, cell_w, wide + 8) : 1;
  frame.cols.upright = !numbered && wide + 6 > cell_w;
  frame.cols.step = frame.cols.upright ? label_step(frame.cols.count, cell_w, font.size * 1.1) : flat_step;
  const double shown = widest(sheet, frame.cols.labels, frame.cols.count, font, limit, frame.cols.step);
  frame.cols.room = (frame.cols.upright ? shown + 8 : font.size + 7) + title;
}

Frame fit(const Sheet& sheet, Frame frame, const Box& area, const Limits& limits) {
  const Font font = sheet.style.label_font();
  Viewport view = sheet.options.view;
  view.x1 = std::max(view.x1, view.x0 + 1e-4);
  view.y1 = std::max(view.y1, view.y0 + 1e-4);
  const double title = frame.rows.title.empty() ? 0 : line_height(font);
  frame.rows.room = widest(sheet, frame.rows.labels, frame.rows.count, font, area.w * 0.25) + 8 + title;
  const double wide = std::max(20.0, area.w - frame.rows.room - frame.bar_room);
  double cell_w = std::min(limits.cell_w, wide / frame.cols.count);
  choose_column_labels(sheet, frame, cell_w / (view.x1 - view.x0), area.w * 0.2);
  double cell_h = limits.square ? cell_w : limits.cell_h;
  if (area.h > 0) cell_h = std::min(cell_h, std::max(20.0, area.h - frame.cols.room) / frame.rows.count);
  if (limits.square) cell_w = cell_h = std::min(cell_w, cell_h);
  choose_column_labels(sheet, frame, cell_w / (view.x1 - view.x0), area.w * 0.2);
  frame.plot = {area.x + frame.rows.room, area.y, cell_w * frame.cols.count, cell_h * frame.rows.count};
  if (!view.whole() && area.h > 0) frame.plot = {frame.plot.x, area.y, wide, std::max(20.0, area.h - frame.cols.room)};
  const double zoom_x = 1 / (view.x1 - view.x0), zoom_y = 1 / (view.y1 - view.y0);
  double full_w = frame.plot.w * zoom_x, full_h = frame.plot.h * zoom_y;
  frame.full = {frame.plot.x - view.x0 * full_w, frame.plot.y - view.y0 * full_h, full_w, full_h};
  frame.rows.pitch = full_h / frame.rows.count;
  frame.cols.pitch = full_w / frame.cols.count;
  frame.rows.origin = frame.full.y;
  frame.cols.origin = frame.full.x;
  frame.rows.to = frame.rows.count;
  frame.cols.to = frame.cols.count;
  const bool numbered = frame.rows.labels.empty();
  frame.rows.font = numbered ? font : label_font_for(sheet.style, frame.rows.pitch);
  frame.rows.step = label_step(frame.rows.count, frame.rows.pitch, frame.rows.font.size * (numbered ? 1.7 : 1.1));
  return frame;
}

void draw_values(Sheet& sheet, const Cells& cells, const Frame& frame, const CellsItem& item) {
  const Font tiny = sheet.style.tiny_font();
  const bool few = cells.rows * cells.cols <= 600;
  const bool wanted = sheet.options.cell_values.value_or(few);
  if (!wanted || frame.rows.pitch < tiny.size * 1.25 || cells.rows * cells.cols > 20000) return;
  double wide = 0;
  for (const float v : cells.values) wide = std::max(wide, sheet.width(format_compact(v), tiny));
  if (wide > frame.cols.pitch - 3) return;
  for (int r = 0; r < cells.rows; ++r)
    for (int c = 0; c < cells.cols; ++c) {
      const auto at = static_cast<std::size_t>(r) * static_cast<std::size_t>(cells.cols) + static_cast<std::size_t>(c);
      if (std::isnan(cells.values[at])) continue;
      sheet.text_middle({frame.full.x + (c + 0.5) * frame.cols.pitch, frame.full.y + (r + 0.5) * frame.rows.pitch},
                        format_compact(cells.values[at]), tiny, readable_on(item.raster->pixels[at]), Anchor::Middle);
    }
}

/// One matrix with axes and a colour bar. @return height used
double draw_cells(Sheet& sheet, const engine::Report& report, const Cells& cells, const Box& area,
                  const Limits& limits, std::optional<std::string> bar_title = {}) {
  const auto& array = *cells.array;
  const bool diverging = is_diverging(sheet.options, cells.values);
  const ValueRange range = choose_range(cells.values, sheet.options.range, sheet.options.lo, sheet.options.hi);
  const ColorMap& map = map_for(sheet, diverging);
  Frame frame;
  frame.rows.labels = axis_labels(report, array, 0);
  frame.cols.labels = axis_labels(report, array, 1);
  frame.rows.title = axis_title(array, 0);
  frame.cols.title = axis_title(array, 1);
  frame.rows.count = cells.rows;
  frame.cols.count = cells.cols;
  const auto title = bar_title.value_or(value_title(array));
  frame.bar_room = right_room(sheet, range, title);
  frame = fit(sheet, std::move(frame), area, limits);
  const int most_w = sheet.options.full_raster ? 4096 : positive(std::min(4096.0, frame.full.w));
  const int most_h = sheet.options.full_raster ? 4096 : positive(std::min(4096.0, frame.full.h));
  auto item = make_cells(cells, range, map, sheet.style.missing, most_w, most_h);
  item.box = frame.full;
  item.gap = cells.rows * cells.cols <= 600 && frame.rows.pitch > 12 && frame.cols.pitch > 6 ? 1 : 0;
  sheet.clip(frame.plot);
  sheet.list.items.emplace_back(item);
  draw_values(sheet, cells, frame, item);
  sheet.unclip();
  if (item.gap == 0) sheet.frame(frame.plot, sheet.style.border, sheet.style.hairline);
  draw_row_axis(sheet, frame.rows, frame.plot.x, frame.plot.y, frame.plot.h);
  draw_column_axis(sheet, frame.cols, frame.plot.bottom(), frame.plot.x, frame.plot.w);
  draw_color_bar(sheet, map, range, {frame.plot.right() + kBarGap, frame.plot.y, kBarWidth, frame.plot.h}, title);
  sheet.list.plot = frame.plot;
  return frame.plot.h + frame.cols.room;
}

constexpr Limits kHeads{92, 54, false};

/// Side by side where the room allows cells that are not much higher than wide, else beneath each other.
int maps_a_row(const engine::Report& report, const std::vector<int>& chosen, const Box& area, double gap) {
  const int count = static_cast<int>(chosen.size());
  const double cols = double(report.arrays[static_cast<std::size_t>(chosen[0])].shape[1]);
  const double rows = double(report.arrays[static_cast<std::size_t>(chosen[0])].shape[0]);
  int best = 1;
  double best_cell = 0;
  for (int n = 1; n <= count; ++n) {
    const double wide = (area.w - gap * (n - 1)) / n - 100;
    const double lines = std::ceil(double(count) / n);
    const double high = area.h > 0 ? (area.h - gap * (lines - 1)) / lines - 70 : kHeads.cell_h * rows;
    const double w = std::min(wide / cols, kHeads.cell_w), h = std::min(high / rows, kHeads.cell_h);
    const double cell = std::min(w, 1.6 * h) * (area.h > 0 ? 1 : w < 13 ? 1 : 1 + n);
    if (cell > best_cell) best = n, best_cell = cell;
  }
  return best;
}

}  // namespace

Cells cells_of(const engine::Array& array, int index, bool hide_first) {
  Cells out;
  out.array = &array;
  out.index = index;
  out.rows = static_cast<int>(array.shape[0]);
  out.cols = static_cast<int>(array.shape[1]);
  out.values = array.values;
  if (hide_first && out.cols > 1)
    for (std::size_t r = 0; r < static_cast<std::size_t>(out.rows); ++r)
      out.values[r * static_cast<std::size_t>(out.cols)] = std::nanf("");
  return out;
}

CellsItem make_cells(const Cells& cells, const ValueRange& range, const ColorMap& map, Color missing, int most_w,
                     int most_h) {
  const int rows = std::min(cells.rows, most_h), cols = std::min(cells.cols, most_w);
  const bool pooled = rows < cells.rows || cols < cells.cols;
  const auto values = pooled ? pool_strongest(cells.values, cells.rows, cells.cols, rows, cols) : std::vector<float>();
  auto raster = std::make_shared<Raster>();
  raster->width = cols;
  raster->height = rows;
  raster->pixels.reserve(static_cast<std::size_t>(rows) * static_cast<std::size_t>(cols));
  for (const float v : pooled ? values : cells.values)
    raster->pixels.push_back(std::isnan(v) ? missing : map.at(range.position(v)));
  CellsItem item;
  item.raster = std::move(raster);
  item.true_rows = cells.rows;
  item.true_cols = cells.cols;
  item.array = cells.index;
  return item;
}

double layout_matrix(Sheet& sheet, const engine::Report& report, const Box& area) {
  if (report.arrays.empty() || !usable(report.arrays[0], 2)) return sheet.message(area, "There is no matrix to draw.");
  const auto cells = cells_of(report.arrays[0], 0, sheet.options.hide_first);
  const bool square = cells.rows * 3 > cells.cols && cells.cols * 3 > cells.rows;
  return draw_cells(sheet, report, cells, area, square ? Limits{36, 36, true} : Limits{46, 26, false});
}

double layout_heat_maps(Sheet& sheet, const engine::Report& report, const Box& area) {
  std::vector<int> chosen;
  for (std::size_t i = 0; i < report.arrays.size(); ++i)
    if (usable(report.arrays[i], 2) && (sheet.options.array < 0 || sheet.options.array == static_cast<int>(i)))
      chosen.push_back(static_cast<int>(i));
  if (chosen.empty()) return sheet.message(area, "There is no layer by head array to draw.");
  if (chosen.size() == 1) {
    const auto cells = cells_of(report.arrays[static_cast<std::size_t>(chosen[0])], chosen[0], false);
    return draw_cells(sheet, report, cells, area, kHeads);
  }
  const double gap = 2.5 * sheet.style.space, head = line_height(sheet.style.body_font()) + 2;
  const int count = static_cast<int>(chosen.size()), per_row = maps_a_row(report, chosen, area, gap);
  const double lines = std::ceil(double(count) / per_row);
  const double wide = (area.w - gap * (per_row - 1)) / per_row;
  const double high = area.h > 0 ? std::max(60.0, (area.h - gap * (lines - 1)) / lines - head) : 0;
  double y = area.y, tallest = 0;
  for (int i = 0; i < count; ++i) {
    const int column = i % per_row;
    if (i > 0 && column == 0) {
      y += tallest + gap;
      tallest = 0;
    }
    const int index = chosen[static_cast<std::size_t>(i)];
    auto cells = cells_of(report.arrays[static_cast<std::size_t>(index)], index, false);
    const double x = area.x + column * (wide + gap);
    const Font name{sheet.style.body, true};
    sheet.text({x, y + head * 0.65}, value_title(engine::Array{cells.array->name}), name, sheet.style.text);
    tallest = std::max(tallest,
                       head + draw_cells(sheet, report, cells, {x, y + head, wide, high}, kHeads, cells.array->unit));
  }
  sheet.list.plot.reset();
  return y + tallest - area.y;
}

}  // namespace vitrine::views
