#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <QPointF>
#include <QRectF>

#include "engine/report/report.h"
#include "views/canvas/canvas_widget.h"
#include "views/canvas/color_scale.h"

namespace vitrine::views {

struct HeadGridSettings {
  ColorTable table = grey_table();
  ColorTable diverging_table = grey_table();  ///< for maps with values below zero
  bool own_range = true;  ///< each head in the range of its own values; otherwise one range for all
  bool log = false;
};

using HeadPlace = std::pair<int, int>;  ///< layer, head

/// All layers (rows) x heads (columns) as thumbnails from one texture.
///
/// Mouse: hover enlarges, click selects, Shift-click sets the head to compare with, Ctrl-click
/// switches a head off or on, wheel scrolls (Shift: sideways), Ctrl-wheel changes the size. Keys:
/// arrows move the selection (Shift: set the compared head there), C compares, Delete or P switches
/// off or on.
class HeadGridCanvas : public CanvasWidget {
  Q_OBJECT
 public:
  explicit HeadGridCanvas(QWidget* parent = nullptr);

  /// @param report  arrays[0] [layer, head, query, key]; a head that is all NaN does not exist.
  /// Null empties.
  void set_report(std::shared_ptr<const engine::Report> report);
  /// @param report  arrays [layer, head], shown by name in the enlargement; null removes them
  void set_stats(std::shared_ptr<const engine::Report> report);
  void set_settings(const HeadGridSettings& settings);
  [[nodiscard]] const HeadGridSettings& settings() const { return settings_; }
  /// These emit nothing. A negative layer or head means none.
  void set_current(int layer, int head);
  void set_compared(int layer, int head);
  void set_brushed(const std::vector<HeadPlace>& heads);
  void set_pruned(const std::vector<HeadPlace>& heads);

  [[nodiscard]] int layers() const { return layers_; }
  [[nodiscard]] int heads() const { return heads_; }
  [[nodiscard]] bool has_head(int layer, int head) const;
  [[nodiscard]] HeadPlace current() const { return current_; }
  /// Where a thumbnail is drawn, in widget pixels; may lie outside the visible part.
  [[nodiscard]] QRectF head_rect(int layer, int head) const;
  [[nodiscard]] std::optional<HeadPlace> head_at(QPointF position) const;
  void reveal(int layer, int head);

 signals:
  void hovered(int layer, int head);  ///< -1, -1 when the cursor leaves
  void selected(int layer, int head);
  void compared(int layer, int head);
  void prune_toggled(int layer, int head);

 protected:
  void draw(ImDrawList& list) override;
  void theme_replaced() override;
  void resizeEvent(QResizeEvent* event) override;
  void mousePressEvent(QMouseEvent* event) override;
  void mouseMoveEvent(QMouseEvent* event) override;
  void leaveEvent(QEvent* event) override;
  void wheelEvent(QWheelEvent* event) override;
  void keyPressEvent(QKeyEvent* event) override;

 private:
  void measure_ranges();
  void lay_out();
  void clamp_scroll();
  void move_current(int layers, int heads, bool compare);
  void set_hover(HeadPlace place);
  void make_atlas();
  void make_magnifier();
  [[nodiscard]] std::size_t index(int layer, int head) const;
  [[nodiscard]] const float* values(int layer, int head) const;
  [[nodiscard]] ColorScale range(int layer, int head) const;
  [[nodiscard]] std::vector<std::uint32_t> coloured(int layer, int head, int halvings, int& rows,
                                                    int& cols) const;
  [[nodiscard]] std::string name(int layer, int head) const;
  void draw_heads(ImDrawList& list);
  void draw_head(ImDrawList& list, int layer, int head);
  void draw_outlines(ImDrawList& list);
  void draw_labels(ImDrawList& list);
  void draw_scrollbars(ImDrawList& list);
  void draw_hover(ImDrawList& list);

  HeadGridSettings settings_;
  std::shared_ptr<const engine::Report> report_, stats_;
  int layers_ = 0, heads_ = 0, queries_ = 0, keys_ = 0;
  std::vector<ColorScale> ranges_;
  std::vector<char> exists_;
  ColorScale shared_range_;
  bool signed_ = false;  ///< some value is below zero: ranges are centred on it
  HeadPlace current_{-1, -1}, compared_{-1, -1}, hover_{-1, -1};
  std::set<HeadPlace> brushed_, pruned_;

  double cell_ = 48, size_factor_ = 1;
  double scroll_x_ = 0, scroll_y_ = 0;
  QPointF cursor_;
  unsigned atlas_ = 0, magnifier_ = 0;
  int atlas_cols_ = 1, thumb_rows_ = 0, thumb_cols_ = 0, atlas_halvings_ = -1;
  bool atlas_stale_ = true, atlas_smooth_ = false, magnifier_stale_ = true;
};

}  // namespace vitrine::views
