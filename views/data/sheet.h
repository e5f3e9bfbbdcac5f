#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/report/report.h"
#include "views/data/color_map.h"
#include "views/data/labels.h"
#include "views/data/layout.h"
#include "views/data/ticks.h"

namespace vitrine::views {

/// What the layouts draw on: adds items to a display list, with the style and the text measure at hand.
class Sheet {
 public:
  Sheet(const Style& style, const MeasureText& measure, const FigureOptions& options)
      : style(style), measure(measure), options(options) {}

  void rect(const Box& box, Color fill, std::string tag = {}, double radius = 0);
  void frame(const Box& box, Color stroke, double width, double radius = 0);
  void line(Point a, Point b, Color stroke, double width, bool dashed = false);
  void path(std::vector<Point> points, Color stroke, double width, std::string tag = {});
  void polygon(std::vector<Point> points, Color fill);
  void disc(Point center, double radius, Color fill, Color stroke, std::string tag);
  void text(Point baseline, std::string_view text, const Font& font, Color color,
            TextItem::Anchor anchor = TextItem::Anchor::Start, double angle = 0);
  /// Centred on a horizontal line through `middle`.
  void text_middle(Point middle, std::string_view text, const Font& font, Color color,
                   TextItem::Anchor anchor = TextItem::Anchor::Start);
  void clip(const Box& box) { list.items.emplace_back(ClipBegin{box}); }
  void unclip() { list.items.emplace_back(ClipEnd{}); }
  /// A muted sentence in the middle of `area`. @return its height
  double message(const Box& area, std::string_view sentence);

  [[nodiscard]] double width(std::string_view text, const Font& font) const { return measure(text, font); }

  const Style& style;
  const MeasureText& measure;
  const FigureOptions& options;
  DisplayList list;
};

/// Distance from the middle of a line of text down to its baseline: half a capital's height.
[[nodiscard]] inline double baseline_shift(const Font& font) { return 0.36 * font.size; }
[[nodiscard]] inline double line_height(const Font& font) { return 1.4 * font.size; }

/// Labels of one axis of an array: its own, the report's tokens where the count agrees, else empty.
[[nodiscard]] std::vector<std::string> axis_labels(const engine::Report& report, const engine::Array& array,
                                                   std::size_t axis);
/// Name of an axis with its unit: "distance (tokens)"; empty if it has none.
[[nodiscard]] std::string axis_title(const engine::Array& array, std::size_t axis);
/// "pattern (probability)".
[[nodiscard]] std::string value_title(const engine::Array& array);
/// True if shape, axes and the number of values agree, it has `rank` axes and no empty one.
[[nodiscard]] bool usable(const engine::Array& array, std::size_t rank);

/// The map to use: the reader's, or the theme's for a diverging or sequential range.
[[nodiscard]] const ColorMap& map_for(const Sheet& sheet, bool diverging);
/// The same for thin marks on the surface.
[[nodiscard]] ColorMap marker_map(const Sheet& sheet, bool diverging);
/// Whether a range is drawn with two arms.
[[nodiscard]] bool is_diverging(const FigureOptions& options, std::span<const float> values);

/// Every layout: draws into `area` (h 0: natural height) and returns the height used.
double layout_matrix(Sheet&, const engine::Report&, const Box& area);
double layout_heat_maps(Sheet&, const engine::Report&, const Box& area);
double layout_grid(Sheet&, const engine::Report&, const Box& area);
double layout_token_lines(Sheet&, const engine::Report&, const Box& area);
double layout_overlay(Sheet&, const engine::Report&, const Box& area);
double layout_bars(Sheet&, const engine::Report&, const Box& area);
double layout_scatter(Sheet&, const engine::Report&, const Box& area);
double layout_curves(Sheet&, const engine::Report&, const Box& area);
double layout_table(Sheet&, const engine::Report&, const Box& area);
double layout_tokens(Sheet&, const engine::Report&, const Box& area);
double layout_text(Sheet&, const engine::Report&, const Box& area);
double layout_trajectories(Sheet&, const engine::Report&, const Box& area);

/// Title, subtitle and metrics at the top. @return the height used
double layout_heading(Sheet&, const engine::Report&, const Box& area);
/// Lines beneath the figure, wrapped, each with how it is drawn; see `layout_footer`.
struct FooterLine {
  std::string text;
  enum class Sign { None, Good, Doubt, Bad } sign = Sign::None;
};
[[nodiscard]] std::vector<FooterLine> footer_lines(const Sheet&, const engine::Report&, double width);
double layout_footer(Sheet&, const std::vector<FooterLine>& lines, Point top_left);

}  // namespace vitrine::views
