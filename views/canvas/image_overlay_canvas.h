#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <QPointF>
#include <QRectF>

#include "engine/report/report.h"
#include "views/canvas/canvas_widget.h"
#include "views/canvas/color_scale.h"

namespace vitrine::views {

struct ImageOverlaySettings {
  ColorTable table = grey_table();
  float opacity = 0.85F;  ///< of the strongest patch; weaker ones are more transparent
  float dim = 0.45F;      ///< how far the image is darkened so that the heat stands out
  bool row_range =
      true;  ///< colours up to the largest patch of the shown row; otherwise of all rows
  std::optional<float> hi;  ///< fixed upper end of the range
  bool log = false;
  bool grid = true;
};

/// What the overlay says about one pair of tokens.
struct OverlayProbe {
  int query = -1, key = -1;
  float value = 0;
  std::optional<float> second;
  int rank = 0, rank_of = 0;  ///< among all keys, CLS included; 1 is the largest
};

/// An image under its patch grid: point at a patch (or at CLS) and see where it looks.
///
/// Mouse: hover shows the row of the patch under the cursor; click keeps it, and hovering then
/// reads single values. Shift held shows the second head. Keys: arrows move the kept patch, Home
/// goes to the first chip, Escape lets go.
class ImageOverlayCanvas : public CanvasWidget {
  Q_OBJECT
 public:
  explicit ImageOverlayCanvas(QWidget* parent = nullptr);

  /// @param report  arrays[0] [query, key]; `grid` with offset + rows * cols == key; `image`
  /// optional (grey without).
  ///                query == key, or one row only. Null empties.
  void set_report(std::shared_ptr<const engine::Report> report);
  /// The head that Shift shows; ignored unless it has the shape of the first.
  void set_compare(std::shared_ptr<const engine::Report> report);
  void set_names(const QString& first, const QString& second);
  void set_settings(const ImageOverlaySettings& settings);
  [[nodiscard]] const ImageOverlaySettings& settings() const { return settings_; }
  /// Keeps a query without a signal; -1 lets go.
  void set_query(int token);
  [[nodiscard]] int query() const { return kept_; }
  /// The query whose row is drawn now: the kept one, else the one under the cursor, else the first
  /// token.
  [[nodiscard]] int shown_query() const;

  [[nodiscard]] QRectF image_rect() const;
  /// Where a token is drawn: its patch, or its chip above the image.
  [[nodiscard]] QRectF token_rect(int token) const;
  [[nodiscard]] std::optional<int> token_at(QPointF position) const;
  [[nodiscard]] OverlayProbe probe(int query, int key) const;
  /// The range that the colours of the shown row stand for.
  [[nodiscard]] ColorScale scale() const;

 signals:
  void hovered(int token);         ///< -1 when the cursor leaves
  void query_selected(int token);  ///< -1 when let go
  void flipped(bool second);       ///< Shift is held

 protected:
  void draw(ImDrawList& list) override;
  void mousePressEvent(QMouseEvent* event) override;
  void mouseMoveEvent(QMouseEvent* event) override;
  void leaveEvent(QEvent* event) override;
  void keyPressEvent(QKeyEvent* event) override;
  void keyReleaseEvent(QKeyEvent* event) override;

 private:
  void keep(int token);
  void set_hover(int token);
  void set_flip(bool flip);
  void move_kept(int rows, int cols);
  [[nodiscard]] bool empty() const { return tokens_ == 0; }
  [[nodiscard]] const std::vector<float>& shown_values() const;
  [[nodiscard]] float value(const std::vector<float>& values, int query, int key) const;
  [[nodiscard]] std::string token_name(int token) const;
  void make_image();
  void draw_image(ImDrawList& list);
  void draw_heat(ImDrawList& list);
  void draw_chips(ImDrawList& list);
  void draw_marks(ImDrawList& list);
  void draw_legend(ImDrawList& list);
  void draw_hover(ImDrawList& list);

  ImageOverlaySettings settings_;
  std::shared_ptr<const engine::Report> report_;
  std::vector<float> first_, second_;
  engine::PatchGrid grid_;
  int queries_ = 0, tokens_ = 0;
  std::string names_[2];
  int hover_ = -1, kept_ = -1;
  bool flip_ = false;
  QPointF cursor_;
  unsigned image_ = 0;
  bool image_stale_ = true;
};

}  // namespace vitrine::views
