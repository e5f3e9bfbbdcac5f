#pragma once

#include <string>
#include <vector>

#include "views/data/sheet.h"

namespace vitrine::views {

/// Room that an axis of labelled positions takes beside a matrix, and every how many-th label is drawn.
struct LabelAxis {
  std::vector<std::string> labels;  ///< empty: positions are numbered from 0
  std::string title;
  int count = 0;
  int from = 0, to = 0;  ///< visible positions [from, to)
  double pitch = 0;      ///< pixels a position
  double origin = 0;     ///< pixel of position 0
  double room = 0;       ///< pixels across the axis, with its title
  int step = 1;
  Font font;             ///< of the labels; smaller than the theme's where positions are close
  bool upright = false;  ///< column labels are rotated
};

/// Widest of every `step`-th label in pixels, at most `limit`; without labels, of the numbers below `count`.
[[nodiscard]] double widest(const Sheet& sheet, const std::vector<std::string>& labels, int count, const Font& font,
                            double limit, int step = 1);

/// Labels' font for a pitch: the theme's, or as much smaller as lets every label stand, down to about 6 points.
[[nodiscard]] Font label_font_for(const Style& style, double pitch);

/// Draws labels to the left of `x`.
void draw_row_axis(Sheet& sheet, const LabelAxis& axis, double x, double plot_top, double plot_height);
/// Draws labels beneath `y`.
void draw_column_axis(Sheet& sheet, const LabelAxis& axis, double y, double plot_left, double plot_width);

/// A colour bar: `box` is the strip itself, ticks and the title stand to its right and above.
/// `whole`: the values are whole numbers, ticks between them would mean nothing.
void draw_color_bar(Sheet& sheet, const ColorMap& map, const ValueRange& range, const Box& box,
                    const std::string& title, bool whole = false);
/// Width that its tick labels need beside the strip.
[[nodiscard]] double color_bar_room(const Sheet& sheet, const ValueRange& range);

/// Frame, grid lines and tick labels of a plot with two number axes. `plot` is the inside.
struct NumberAxes {
  ValueRange x, y;
  std::string x_title, y_title;
  std::vector<Tick> x_ticks, y_ticks;
};
/// Fits the plot into `area`, leaving room for ticks and titles. @return the inside
[[nodiscard]] Box fit_axes(const Sheet& sheet, const NumberAxes& axes, const Box& area);
void draw_axes(Sheet& sheet, const NumberAxes& axes, const Box& plot);
/// Range a little wider than the data, narrowed to the viewport fractions [u0, u1].
[[nodiscard]] ValueRange axis_range(double min, double max, double u0, double u1);

}  // namespace vitrine::views
