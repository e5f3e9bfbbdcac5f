#include "views/data/layout.h"

#include <cmath>

#include "views/data/sheet.h"

namespace vitrine::views {
namespace {

using engine::PictureKind;

double draw(Sheet& sheet, const engine::Report& report, PictureKind kind, const Box& area) {
  switch (kind) {
    case PictureKind::Matrix:
      return layout_matrix(sheet, report, area);
    case PictureKind::MatrixGrid:
      return layout_grid(sheet, report, area);
    case PictureKind::HeatMap:
      return layout_heat_maps(sheet, report, area);
    case PictureKind::TokenLines:
      return layout_token_lines(sheet, report, area);
    case PictureKind::ImageOverlay:
      return layout_overlay(sheet, report, area);
    case PictureKind::Bars:
      return layout_bars(sheet, report, area);
    case PictureKind::Scatter:
      return layout_scatter(sheet, report, area);
    case PictureKind::Curves:
      return layout_curves(sheet, report, area);
    case PictureKind::Table:
      return layout_table(sheet, report, area);
    case PictureKind::Tokens:
      return layout_tokens(sheet, report, area);
    case PictureKind::Trajectories:
      return layout_trajectories(sheet, report, area);
    case PictureKind::Text:
      return layout_text(sheet, report, area);
  }
  return 0;
}

void outline(Sheet& sheet, const Box& box, Color color, double radius) {
  const double w = std::max(1.5, sheet.style.line * 1.25);
  const Color halo = with_alpha(sheet.style.surface, 0.9);
  const Box outer{box.x - w, box.y - w, box.w + 2 * w, box.h + 2 * w};
  sheet.frame({outer.x - 1, outer.y - 1, outer.w + 2, outer.h + 2}, halo, 1, radius);
  sheet.frame({outer.x + w / 2, outer.y + w / 2, outer.w - w, outer.h - w}, color, w, radius);
}

void draw_marks(Sheet& sheet) {
  if (sheet.options.marks.empty()) return;
  if (sheet.list.plot)
    sheet.clip({sheet.list.plot->x - 4, sheet.list.plot->y - 4, sheet.list.plot->w + 8, sheet.list.plot->h + 8});
  for (const auto& mark : sheet.options.marks) {
    const auto box = find_box(sheet.list, mark.tag, mark.array);
    if (!box) continue;
    const Color color = mark.kind == Mark::Kind::Selected ? sheet.style.accent : sheet.style.warning;
    const bool round = mark.tag.starts_with("point");
    outline(sheet, *box, color, round ? box->w / 2 + 2 : 2);
  }
  if (sheet.list.plot) sheet.unclip();
}

}  // namespace

DisplayList layout_figure(const engine::Report& report, const FigureOptions& options, const Style& style,
                          const MeasureText& measure) {
  Sheet sheet(style, measure, options);
  sheet.list.width = std::max(60.0, options.width);
  sheet.list.background = style.surface;
  const double pad = 1.5 * style.space;
  const double inner = sheet.list.width - 2 * pad;
  const auto footer = footer_lines(sheet, report, inner);
  const double footer_high =
      footer.empty() ? 0 : static_cast<double>(footer.size()) * line_height(style.small_font()) + style.space;
  double y = pad;
  y += layout_heading(sheet, report, {pad, y, inner, 0});
  Box area{pad, y, inner, 0};
  if (options.height > 0) area.h = std::max(40.0, options.height - y - pad - footer_high);
  y += draw(sheet, report, options.picture.value_or(report.picture), area);
  if (options.height > 0) y = std::max(y, area.y + area.h);
  if (!footer.empty()) y += style.space + layout_footer(sheet, footer, {pad, y + style.space});
  sheet.list.height = std::ceil(y + pad);
  draw_marks(sheet);
  return std::move(sheet.list);
}

bool scrolls(PictureKind kind) {
  return kind == PictureKind::Table || kind == PictureKind::Tokens || kind == PictureKind::Text ||
         kind == PictureKind::TokenLines || kind == PictureKind::Bars;
}

bool zooms(PictureKind kind) {
  return kind == PictureKind::Matrix || kind == PictureKind::Scatter || kind == PictureKind::Curves ||
         kind == PictureKind::Trajectories;
}

}  // namespace vitrine::views
