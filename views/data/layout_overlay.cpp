#include <cmath>

#include <fmt/format.h>

#include "views/data/axes.h"
#include "views/data/matrix.h"

namespace vitrine::views {
namespace {

/// The patch values to lay over the picture: the array itself, or one query's row of an attention matrix
/// (the mean over queries if none is chosen), without the tokens before the grid.
struct Patches {
  int rows = 0, cols = 0;
  std::vector<float> values;
};

bool is_attention(const engine::Report& report) {
  if (!report.grid) return false;
  const auto tokens = std::int64_t{report.grid->rows} * report.grid->cols + report.grid->offset;
  return report.grid->offset >= 0 && report.grid->rows > 0 && report.grid->cols > 0 &&
         report.arrays[0].shape[1] == tokens;
}

Patches patches_of(const engine::Report& report, int focus) {
  const auto& array = report.arrays[0];
  if (!is_attention(report)) return {static_cast<int>(array.shape[0]), static_cast<int>(array.shape[1]), array.values};
  const auto& grid = *report.grid;
  Patches out{grid.rows, grid.cols, {}};
  const auto keys = static_cast<std::size_t>(array.shape[1]), queries = static_cast<std::size_t>(array.shape[0]);
  out.values.assign(static_cast<std::size_t>(grid.rows) * static_cast<std::size_t>(grid.cols), 0.0f);
  const bool one = focus >= 0 && static_cast<std::size_t>(focus) < queries;
  const std::size_t from = one ? static_cast<std::size_t>(focus) : 0, to = one ? from + 1 : queries;
  for (std::size_t q = from; q < to; ++q)
    for (std::size_t i = 0; i < out.values.size(); ++i)
      out.values[i] +=
          array.values[q * keys + static_cast<std::size_t>(grid.offset) + i] / static_cast<float>(to - from);
  return out;
}

std::shared_ptr<const Raster> picture_raster(const engine::Picture8& picture) {
  auto raster = std::make_shared<Raster>();
  raster->width = picture.width;
  raster->height = picture.height;
  const auto count = static_cast<std::size_t>(picture.width) * static_cast<std::size_t>(picture.height);
  raster->pixels.reserve(count);
  for (std::size_t i = 0; i < count; ++i)
    raster->pixels.push_back({picture.rgb[3 * i], picture.rgb[3 * i + 1], picture.rgb[3 * i + 2], 255});
  return raster;
}

bool has_picture(const engine::Report& report) {
  if (!report.image || report.image->width <= 0 || report.image->height <= 0) return false;
  return report.image->rgb.size() == std::size_t{3} * static_cast<std::size_t>(report.image->width) *
                                         static_cast<std::size_t>(report.image->height);
}

/// Weak patches let the picture through, strong ones cover it.
void fade(CellsItem& item, const Patches& patches, const ValueRange& range, double opacity, bool diverging) {
  auto raster = std::make_shared<Raster>(*item.raster);
  for (std::size_t i = 0; i < raster->pixels.size(); ++i) {
    const double u = range.position(patches.values[i]);
    const double strength = std::isnan(u) ? 0 : diverging ? std::abs(2 * u - 1) : u;
    raster->pixels[i] = with_alpha(raster->pixels[i], opacity * std::pow(strength, 0.6));
  }
  item.raster = std::move(raster);
}

void draw_grid_lines(Sheet& sheet, const Box& box, int rows, int cols) {
  if (box.w / cols < 7 || box.h / rows < 7) return;
  const Color line = with_alpha(Color{255, 255, 255, 255}, 0.22);
  for (int r = 1; r < rows; ++r)
    sheet.line({box.x, box.y + box.h * r / rows}, {box.right(), box.y + box.h * r / rows}, line, sheet.style.hairline);
  for (int c = 1; c < cols; ++c)
    sheet.line({box.x + box.w * c / cols, box.y}, {box.x + box.w * c / cols, box.bottom()}, line,
               sheet.style.hairline);
}

void draw_focus(Sheet& sheet, const engine::Report& report, const Box& box, int focus) {
  if (focus < 0 || !is_attention(report)) return;
  const auto& grid = *report.grid;
  const int patch = focus - grid.offset;
  if (patch < 0 || patch >= grid.rows * grid.cols) return;
  const double w = box.w / grid.cols, h = box.h / grid.rows;
  const Box cell{box.x + patch % grid.cols * w, box.y + patch / grid.cols * h, w, h};
  sheet.frame({cell.x - 1.5, cell.y - 1.5, w + 3, h + 3}, Color{0, 0, 0, 200}, 1);
  sheet.frame(cell, Color{255, 255, 255, 255}, 2);
}

std::string what_is_shown(const engine::Report& report, int focus) {
  if (!is_attention(report)) return {};
  const auto& grid = *report.grid;
  if (focus < 0 || focus >= report.arrays[0].shape[0]) return "mean over queries";
  if (focus >= grid.offset) {
    const int patch = focus - grid.offset;
    return fmt::format("from patch {}, {}", patch / grid.cols, patch % grid.cols);
  }
  const auto labels = axis_labels(report, report.arrays[0], 0);
  return "from " + (labels.empty() ? "token " + std::to_string(focus) : labels[static_cast<std::size_t>(focus)]);
}

}  // namespace

double layout_overlay(Sheet& sheet, const engine::Report& report, const Box& area) {
  if (report.arrays.empty() || !usable(report.arrays[0], 2))
    return sheet.message(area, "There are no patch values to draw.");
  const auto& options = sheet.options;
  const auto patches = patches_of(report, options.focus_row);
  const bool diverging = is_diverging(options, patches.values);
  const ValueRange range = choose_range(patches.values, options.range, options.lo, options.hi);
  const ColorMap& map = options.color_map.empty() ? color_map(diverging ? sheet.style.diverging : "magma")
                                                  : color_map(options.color_map);
  const double line = line_height(sheet.style.label_font());
  const auto title = value_title(report.arrays[0]), shown = what_is_shown(report, options.focus_row);
  const double right = 24 + color_bar_room(sheet, range) + (title.empty() ? 0 : line);
  const double under = shown.empty() ? 0 : line + 2;
  const bool picture = has_picture(report);
  const double aspect =
      picture ? double(report.image->width) / report.image->height : double(patches.cols) / patches.rows;
  double wide = std::max(40.0, std::min(area.w - right, area.h > 0 ? 4096.0 : 420.0 * std::sqrt(aspect)));
  if (area.h > 0) wide = std::min(wide, std::max(40.0, area.h - under) * aspect);
  const Box box{area.x, area.y, wide, wide / aspect};
  if (picture) {
    const auto raster = picture_raster(*report.image);
    sheet.list.items.emplace_back(ImageItem{box, raster, raster->width >= box.w * 0.5, {}});
  }
  Cells cells{&report.arrays[0], 0, patches.rows, patches.cols, patches.values};
  auto item = make_cells(cells, range, map, kTransparent, patches.cols, patches.rows);
  item.box = box;
  if (is_attention(report)) item.prefix = "patch";
  if (picture) fade(item, patches, range, options.overlay_opacity, diverging);
  sheet.list.items.emplace_back(std::move(item));
  draw_grid_lines(sheet, box, patches.rows, patches.cols);
  draw_focus(sheet, report, box, options.focus_row);
  sheet.frame(box, sheet.style.border, sheet.style.hairline);
  draw_color_bar(sheet, map, range, {box.right() + 12, box.y, 10, box.h}, title);
  sheet.text({box.x, box.bottom() + line}, shown, sheet.style.label_font(), sheet.style.muted);
  return box.h + under;
}

}  // namespace vitrine::views
