#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <QElapsedTimer>
#include <QPointF>
#include <QRectF>
#include <QString>

#include "engine/report/report.h"
#include "views/canvas/canvas_widget.h"
#include "views/canvas/cell_ink.h"
#include "views/canvas/color_scale.h"
#include "views/canvas/map_layer.h"

namespace vitrine::views {

struct MapSettings {
  ColorTable table = grey_table();
  ColorTable diverging_table = grey_table();
  std::optional<float> lo, hi;  ///< colour range; unset: the range of both matrices
  bool log = false;
  bool diverging = false;  ///< values are signed: range centred on zero, diverging table
  MapCompare compare = MapCompare::First;
  float mix = 0.5F;  ///< Blend: 0 first only, 1 second only
  bool labels = true;
  bool grid = true;     ///< lines between cells once they are large
  bool numbers = true;  ///< values in cells once they are larger still
  bool color_bar = true;
};

/// What is known about one cell.
struct MapProbe {
  std::int64_t query = 0, key = 0;
  std::string query_label, key_label;
  std::optional<float> value, second;  ///< exact; unset while not computed or on its way
  std::int64_t rank = 0;               ///< 1: the largest of its row; 0: unknown
  std::int64_t rank_of = 0;
};

/// A large matrix, rows down: pan, zoom to the cursor, labels, exact values under the cursor.
///
/// Mouse: drag pans, wheel zooms, click selects, double click zooms in. Keys: arrows move the
/// selection (Shift: by ten), Home and End go to the ends of the row, + and - zoom, F fits, Escape
/// deselects, Space held flips the heads. Cost: only visible tiles are coloured, a few milliseconds of
/// them a picture (what is left shows coarser until the next); zoomed out, the value farthest from zero
/// of each block is shown.
class MapCanvas : public CanvasWidget {
  Q_OBJECT
 public:
  explicit MapCanvas(QWidget* parent = nullptr);

  /// @param report  arrays[0] [query, key], labels from its axes or, for keys, from `tokens`; null
  /// empties the
  ///                canvas. A report of the same shape keeps the view and the selection.
  void set_report(std::shared_ptr<const engine::Report> report);
  /// The second matrix; ignored unless it has the shape of the first; null removes it.
  void set_compare(std::shared_ptr<const engine::Report> report);
  void set_source(TileSource source);
  void set_compare_source(TileSource source);
  /// Answers to the requests of a source; `second` says of which. A tile that is not `exact` is asked for again
  /// while it shows.
  void set_tile(const TileKey& key, std::vector<float> values, bool second = false, bool exact = true);
  void set_row(std::int64_t row, std::vector<float> values, bool second = false);
  /// What the cards and the legend call the two matrices, e.g. "2.1".
  void set_names(const QString& first, const QString& second);

  [[nodiscard]] bool compares() const { return two(); }
  [[nodiscard]] std::int64_t rows() const { return first_.rows(); }
  [[nodiscard]] std::int64_t cols() const { return first_.cols(); }

  void set_settings(const MapSettings& settings);
  [[nodiscard]] const MapSettings& settings() const { return settings_; }
  /// The range in force.
  [[nodiscard]] ColorScale scale() const;
  /// Emits nothing; -1 deselects.
  void set_selection(int query, int key);
  [[nodiscard]] int selected_query() const { return selected_row_; }
  [[nodiscard]] int selected_key() const { return selected_col_; }

  void fit();
  void zoom(double factor, QPointF about);
  /// Pixels per cell.
  [[nodiscard]] double cell_size() const { return cell_; }
  /// Scrolls as little as needed.
  void reveal(int query, int key);
  [[nodiscard]] QRectF plot_rect() const { return plot_; }
  [[nodiscard]] QPointF cell_centre(int query, int key) const;
  [[nodiscard]] std::optional<std::pair<int, int>> cell_at(QPointF position) const;
  /// The colour a cell is drawn in; unset while its value is not here.
  [[nodiscard]] std::optional<QColor> cell_color(int query, int key);
  [[nodiscard]] MapProbe probe(int query, int key);
  /// Of the map in the last picture: how much of its area shows exact values of the scale that it was drawn at. The
  /// rest is sampled or coarser until the values come.
  [[nodiscard]] double exact_share() const { return map_area_ > 0 ? exact_area_ / map_area_ : 0; }

 signals:
  void hovered(int query, int key);  ///< -1, -1 when the cursor leaves
  void selected(int query, int key);
  void flipped(bool second);  ///< Space is held
  void view_changed();

 protected:
  void draw(ImDrawList& list) override;
  void theme_replaced() override;
  void resizeEvent(QResizeEvent* event) override;
  void mousePressEvent(QMouseEvent* event) override;
  void mouseMoveEvent(QMouseEvent* event) override;
  void mouseReleaseEvent(QMouseEvent* event) override;
  void mouseDoubleClickEvent(QMouseEvent* event) override;
  void leaveEvent(QEvent* event) override;
  void wheelEvent(QWheelEvent* event) override;
  void keyPressEvent(QKeyEvent* event) override;
  void keyReleaseEvent(QKeyEvent* event) override;

 private:
  struct Drawn {
    unsigned texture = 0;
    std::uint64_t used = 0;
    bool stale = false;  ///< other values have come
    bool exact = false;
  };

  void shape_changed(std::int64_t old_rows, std::int64_t old_cols);
  void lay_out();
  void clamp_view();
  void recolour();
  void move_selection(int rows, int cols);
  void set_hover(int row, int col);
  void measure_range();
  [[nodiscard]] bool two() const { return !second_.empty(); }
  [[nodiscard]] MapCompare mode() const;
  [[nodiscard]] bool diverging() const;
  [[nodiscard]] CellInk ink() const;
  [[nodiscard]] std::string label(const std::vector<std::string>& labels, std::int64_t i) const;
  [[nodiscard]] float label_width(const std::vector<std::string>& labels, std::int64_t count) const;
  [[nodiscard]] QRectF matrix_rect() const;
  [[nodiscard]] int level_for_view() const;

  void draw_tiles(ImDrawList& list);
  [[nodiscard]] QRectF tile_rect(const TileKey& key) const;
  bool draw_tile(ImDrawList& list, const TileKey& key);
  unsigned tile_texture(const TileKey& key, bool ask);
  [[nodiscard]] bool may_colour(const TileKey& key) const;
  bool draw_coarser(ImDrawList& list, const TileKey& key);
  void draw_grid(ImDrawList& list);
  void draw_numbers(ImDrawList& list);
  void draw_marks(ImDrawList& list);
  void draw_row_labels(ImDrawList& list);
  void draw_col_labels(ImDrawList& list);
  void draw_bar(ImDrawList& list);
  void draw_blend_key(ImDrawList& list);
  void draw_hover(ImDrawList& list);

  MapSettings settings_;
  MapLayer first_, second_;
  std::vector<std::string> row_labels_, col_labels_;
  std::string row_name_ = "query", col_name_ = "key", unit_;
  std::string first_name_, second_name_;
  ColorScale auto_range_, difference_range_;
  float row_gutter_ = 0, col_gutter_ = 0;

  QRectF plot_;
  double cell_ = 1;
  double left_ = 0, top_ = 0;  ///< column and row at the top-left corner of the plot
  bool fitted_ = true;
  int hover_row_ = -1, hover_col_ = -1;
  int selected_row_ = -1, selected_col_ = -1;
  bool flip_ = false;
  bool pressed_ = false, panning_ = false;
  QPointF press_, last_, cursor_;
  std::map<TileKey, Drawn> drawn_;
  std::uint64_t frame_ = 0;
  bool stale_ = false;  ///< textures show other colours than the settings ask for
  std::optional<CellInk> ink_;  ///< of the picture being drawn
  QElapsedTimer colouring_;     ///< since its first tile
  bool all_at_once_ = false, put_off_ = false;
  double map_area_ = 0, exact_area_ = 0;   ///< of the last picture
};

}  // namespace vitrine::views
