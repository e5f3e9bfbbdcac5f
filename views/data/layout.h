#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/report/report.h"
#include "views/data/display_list.h"
#include "views/data/range.h"
#include "views/data/style.h"

namespace vitrine::views {

/// Something to point out in a figure.
struct Mark {
  enum class Kind { Selected, Compared };
  std::string tag;  ///< as in `Hit::tag`
  Kind kind = Kind::Selected;
  int array = 0;
};

/// What a reader may choose about a figure. The defaults suit every report.
struct FigureOptions {
  double width = 640;                          ///< pixels
  double height = 0;                           ///< pixels; 0: as high as the content needs at this width
  std::optional<engine::PictureKind> picture;  ///< draw as this instead (a Matrix as TokenLines or ImageOverlay)
  std::string color_map;                       ///< empty: the theme's map for this kind of data
  RangeMode range = RangeMode::Automatic;
  std::optional<double> lo, hi;     ///< ends of a manual range
  bool hide_first = false;          ///< blank key 0 (an attention sink) and leave it out of the range
  bool shared_range = false;        ///< MatrixGrid: one range for all thumbnails
  std::optional<bool> cell_values;  ///< numbers in cells; default: where they fit and the cells are few
  int array = -1;                   ///< HeatMap with several arrays: this one only; -1: side by side
  int focus_row = -1;               ///< TokenLines, ImageOverlay: the query looked at; -1: all, or their mean
  double overlay_opacity = 0.75;    ///< ImageOverlay
  double line_threshold = 0.03;     ///< TokenLines: weakest line drawn, as a share of the strongest
  bool title = true;                ///< title and subtitle above
  bool metrics = true;              ///< the report's numbers in a line under the title
  bool verified = true;             ///< how the numbers were checked, beneath
  bool notes = false;               ///< the report's notes, beneath
  bool full_raster = false;         ///< keep every cell of a matrix instead of one a pixel (vector export)
  Viewport view;                    ///< zoom: Matrix, Scatter, Curves, Trajectories
  std::vector<Mark> marks;
};

/// Turns a report into geometry. Total for every report: what does not fit its picture kind (no array, wrong number of
/// axes, values missing) becomes a sentence in the figure. Where `height` is given and the content of a scrolling kind
/// (Table, Tokens, Text, TokenLines) needs more, the list is higher than asked.
/// Cost: linear in the number of cells and labels. Thread: any, with a `measure` that allows it.
[[nodiscard]] DisplayList layout_figure(const engine::Report& report, const FigureOptions& options, const Style& style,
                                        const MeasureText& measure);

/// The value under a hit as a sentence: "query 'cat' → key 'the': 0.1234, rank 2 of 14". Empty if it has none.
/// @param focus_row  the query whose attention lies over an image, as in `FigureOptions`; -1: the mean over queries
[[nodiscard]] std::string describe(const engine::Report& report, const Hit& hit, int focus_row = -1);

/// True for kinds whose list may be taller than the widget and is scrolled.
[[nodiscard]] bool scrolls(engine::PictureKind kind);
/// True for kinds that `FigureOptions::view` zooms.
[[nodiscard]] bool zooms(engine::PictureKind kind);

}  // namespace vitrine::views
