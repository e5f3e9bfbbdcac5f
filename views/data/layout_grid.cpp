#include <cmath>
#include <span>

#include <fmt/format.h>

#include "views/data/axes.h"
#include "views/data/matrix.h"

namespace vitrine::views {
namespace {

using Anchor = TextItem::Anchor;

struct GridPlan {
  int layers = 0, heads = 0, rows = 0, cols = 0;
  double side = 0, gap = 4;  ///< thumbnail edge and distance, pixels
  double left = 0, top = 0;  ///< room of the labels
};

GridPlan plan(const Sheet& sheet, const engine::Array& array, const Box& area, double right) {
  GridPlan p;
  p.layers = static_cast<int>(array.shape[0]);
  p.heads = static_cast<int>(array.shape[1]);
  p.rows = static_cast<int>(array.shape[2]);
  p.cols = static_cast<int>(array.shape[3]);
  const Font font = sheet.style.label_font();
  p.left = sheet.width("00", font) + 8 + line_height(font);
  p.top = 2 * line_height(font);
  const double wide = area.w - p.left - right;
  p.gap = std::clamp(wide / p.heads * 0.06, 1.0, 6.0);
  const double by_width = (wide - p.gap * (p.heads - 1)) / p.heads;
  const double by_height = area.h > 0 ? (area.h - p.top - p.gap * (p.layers - 1)) / p.layers : std::max(by_width, 1.0);
  p.side = std::clamp(std::min(by_width, by_height), 3.0, 180.0);
  return p;
}

void draw_labels(Sheet& sheet, const engine::Array& array, const GridPlan& p, double x0, double y0) {
  const Font font = sheet.style.label_font();
  const double pitch = p.side + p.gap;
  const int every_head = label_step(p.heads, pitch, sheet.width("00", font) + 5);
  const int every_layer = label_step(p.layers, pitch, font.size * 1.2);
  for (int h = 0; h < p.heads; h += every_head)
    sheet.text({x0 + h * pitch + p.side / 2, y0 - 5}, std::to_string(h), font, sheet.style.text, Anchor::Middle);
  for (int l = 0; l < p.layers; l += every_layer)
    sheet.text_middle({x0 - 6, y0 + l * pitch + p.side / 2}, std::to_string(l), font, sheet.style.text, Anchor::End);
  const double wide = p.heads * pitch - p.gap, high = p.layers * pitch - p.gap;
  const auto name = [&](std::size_t axis, const char* otherwise) {
    const auto title = axis_title(array, axis);
    return title.empty() ? std::string(otherwise) : title;
  };
  sheet.text({x0 + wide / 2, y0 - 5 - line_height(font)}, name(1, "head"), font, sheet.style.muted, Anchor::Middle);
  sheet.text({x0 - p.left + font.size * 0.8, y0 + high / 2}, name(0, "layer"), font, sheet.style.muted, Anchor::Middle,
             -90);
}

bool all_missing(std::span<const float> values) {
  for (const float v : values)
    if (!std::isnan(v)) return false;
  return true;
}

}  // namespace

double layout_grid(Sheet& sheet, const engine::Report& report, const Box& area) {
  if (report.arrays.empty() || !usable(report.arrays[0], 4)) return sheet.message(area, "There are no maps to draw.");
  const auto& array = report.arrays[0];
  const FigureOptions& options = sheet.options;
  const bool shared = options.shared_range || options.range == RangeMode::Manual;
  const bool diverging = is_diverging(options, array.values);
  const ValueRange whole = choose_range(array.values, options.range, options.lo, options.hi);
  const auto title = value_title(array);
  const double line = line_height(sheet.style.label_font());
  const double right = shared ? 22 + color_bar_room(sheet, whole) + (title.empty() ? 0 : line) : 0;
  const GridPlan p = plan(sheet, array, area, right);
  const double x0 = area.x + p.left, y0 = area.y + p.top, pitch = p.side + p.gap;
  const ColorMap& map = options.color_map.empty()
                            ? color_map(diverging ? sheet.style.diverging : sheet.style.thumbnails)
                            : color_map(options.color_map);
  draw_labels(sheet, array, p, x0, y0);
  const std::size_t size = static_cast<std::size_t>(p.rows) * static_cast<std::size_t>(p.cols);
  for (int l = 0; l < p.layers; ++l)
    for (int h = 0; h < p.heads; ++h) {
      const Box box{x0 + h * pitch, y0 + l * pitch, p.side, p.side};
      const std::size_t at =
          (static_cast<std::size_t>(l) * static_cast<std::size_t>(p.heads) + static_cast<std::size_t>(h)) * size;
      Cells cells{&array,
                  0,
                  p.rows,
                  p.cols,
                  {array.values.begin() + static_cast<std::ptrdiff_t>(at),
                   array.values.begin() + static_cast<std::ptrdiff_t>(at + size)}};
      if (all_missing(cells.values)) {
        sheet.rect(box, sheet.style.missing);
        continue;
      }
      if (options.hide_first && p.cols > 1)
        for (std::size_t r = 0; r < size; r += static_cast<std::size_t>(p.cols)) cells.values[r] = std::nanf("");
      const auto range = shared ? whole : choose_range(cells.values, options.range, options.lo, options.hi);
      const int most = options.full_raster ? 4096 : std::max(1, static_cast<int>(p.side * 2));
      auto item = make_cells(cells, range, map, sheet.style.missing, most, most);
      item.box = box;
      item.prefix = fmt::format("head {} {}", l, h);
      sheet.list.items.emplace_back(std::move(item));
    }
  const double high = p.layers * pitch - p.gap;
  if (shared)
    draw_color_bar(sheet, map, whole, {x0 + p.heads * pitch - p.gap + 12, y0, 10, std::min(high, 220.0)}, title);
  return p.top + high;
}

}  // namespace vitrine::views
