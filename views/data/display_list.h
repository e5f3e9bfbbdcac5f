#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "views/data/color.h"
#include "views/data/geometry.h"

namespace vitrine::views {

struct Font {
  enum class Face { Sans, Mono };
  double size = 12;  ///< pixels
  bool bold = false;
  Face face = Face::Sans;
  bool tabular = false;  ///< digits of equal width
};

/// Width of a text run in pixels. The toolkit, or a test, supplies it.
using MeasureText = std::function<double(std::string_view utf8, const Font& font)>;

/// RGBA8, row-major. Shared, so that a painter may cache what it made of it by address.
struct Raster {
  int width = 0, height = 0;
  std::vector<Color> pixels;
};

/// A filled and/or stroked rectangle. `radius` of half its size makes it a disc.
struct RectItem {
  Box box;
  Color fill = kTransparent, stroke = kTransparent;
  double stroke_width = 0, radius = 0;
  std::string tag;
};

/// A polyline or polygon.
struct PathItem {
  std::vector<Point> points;
  Color stroke = kTransparent, fill = kTransparent;
  double width = 1;
  bool closed = false, dashed = false;
  std::string tag;
};

struct TextItem {
  enum class Anchor { Start, Middle, End };
  Point at;          ///< on the baseline
  std::string text;  ///< UTF-8, one line
  Font font;
  Color color;
  Anchor anchor = Anchor::Start;
  double angle = 0;  ///< degrees clockwise about `at`
  std::string tag;
};

struct ImageItem {
  Box box;
  std::shared_ptr<const Raster> raster;
  bool smooth = true;
  std::string tag;
};

/// A matrix of coloured cells. On screen one image; in a vector file one rectangle a cell where they are few.
/// `true_rows` x `true_cols` is what was pooled into the raster; picking uses those.
/// Cells are tagged "`prefix` row column".
struct CellsItem {
  Box box;
  std::shared_ptr<const Raster> raster;  ///< one pixel a cell
  int true_rows = 0, true_cols = 0;
  double gap = 0;  ///< pixels of background between cells
  std::string prefix = "cell";
  int array = 0;  ///< which of the report's arrays
};

/// Starts a clip group; it ends at the matching `ClipEnd`.
struct ClipBegin {
  Box box;
};
struct ClipEnd {};

using Item = std::variant<RectItem, PathItem, TextItem, ImageItem, CellsItem, ClipBegin, ClipEnd>;

/// A figure as plain geometry. The screen painter and every exporter draw the same list.
struct DisplayList {
  double width = 0, height = 0;
  Color background = kTransparent;
  std::vector<Item> items;
  std::optional<Box> plot;  ///< where zooming and panning apply
};

/// What lies under a point.
struct Hit {
  std::string tag;         ///< "cell 3 5", "head 2 1", "point 7", "token 4", "bar 3", "row 2", "line 0 5"
  std::string kind;        ///< first word of the tag
  std::vector<int> index;  ///< numbers of the tag; inside "head L H" the row and column follow
  int array = 0;
  Box box;  ///< bounds of the thing, for a highlight
};

/// Topmost tagged thing at (x, y), or the nearest small one within `reach` pixels. Cost: one pass over the items.
[[nodiscard]] std::optional<Hit> hit(const DisplayList& list, double x, double y, double reach = 5);

/// Bounds of what carries this tag ("cell 3 5" finds the cell inside a CellsItem).
[[nodiscard]] std::optional<Box> find_box(const DisplayList& list, std::string_view tag, int array = 0);

/// Every tagged thing whose centre lies in `area` (a rubber band).
[[nodiscard]] std::vector<Hit> hits_in(const DisplayList& list, const Box& area);

/// "cell 3 5" -> kind and numbers.
[[nodiscard]] Hit parse_tag(std::string_view tag);

}  // namespace vitrine::views
