#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <QPointF>
#include <QRectF>

#include "engine/report/report.h"
#include "views/canvas/canvas_widget.h"

namespace vitrine::views {

struct TokenLinesSettings {
  float threshold =
      0.02F;  ///< lines below this share of the range are not drawn unless a token is isolated
  bool second = true;  ///< draw the lines of the second head too
};

/// Two columns of tokens, queries left and keys right, with a line per pair as strong as its
/// attention (the head view of BertViz, Vig 2019, arXiv:1906.05714).
///
/// Mouse: hover isolates the lines of a token and prints their weights, click pins it, wheel
/// scrolls. Keys: up and down move the pinned token, left and right change the column, Home and
/// End, Escape unpins.
class TokenLinesCanvas : public CanvasWidget {
  Q_OBJECT
 public:
  enum Side { Query = 0, Key = 1 };

  explicit TokenLinesCanvas(QWidget* parent = nullptr);

  /// @param report  arrays[0] [query, key]; null empties. The pinned token stays if it still
  /// exists.
  void set_report(std::shared_ptr<const engine::Report> report);
  /// A second head drawn in another colour; ignored unless it has the shape of the first.
  void set_compare(std::shared_ptr<const engine::Report> report);
  void set_names(const QString& first, const QString& second);
  void set_settings(const TokenLinesSettings& settings);
  /// Pins a token without a signal; -1 unpins.
  void set_pinned(int side, int token);
  [[nodiscard]] int pinned_side() const { return pinned_side_; }
  [[nodiscard]] int pinned_token() const { return pinned_; }

  [[nodiscard]] QRectF token_rect(int side, int token) const;
  /// Side and token under a point.
  [[nodiscard]] std::optional<std::pair<int, int>> token_at(QPointF position) const;
  [[nodiscard]] std::string token_label(int side, int token) const;
  /// Lines drawn in the last frame, of both heads.
  [[nodiscard]] int lines_drawn() const { return lines_drawn_; }

 signals:
  void hovered(int side, int token);  ///< -1, -1 when the cursor leaves
  void pinned(int side, int token);   ///< -1, -1 when unpinned

 protected:
  void draw(ImDrawList& list) override;
  void resizeEvent(QResizeEvent* event) override;
  void mousePressEvent(QMouseEvent* event) override;
  void mouseMoveEvent(QMouseEvent* event) override;
  void leaveEvent(QEvent* event) override;
  void wheelEvent(QWheelEvent* event) override;
  void keyPressEvent(QKeyEvent* event) override;

 private:
  void clamp_scroll();
  void pin(int side, int token);
  void set_hover(int side, int token);
  [[nodiscard]] int count(int side) const { return side == Query ? queries_ : keys_; }
  [[nodiscard]] float row_height() const;
  [[nodiscard]] QRectF columns() const;
  [[nodiscard]] float weight(const std::vector<float>& values, int side, int token,
                             int other) const;
  void draw_lines(ImDrawList& list, const std::vector<float>& values, const QColor& ink, int side,
                  int token);
  void draw_tokens(ImDrawList& list, int side, int focus_side, int focus);

  TokenLinesSettings settings_;
  std::vector<float> first_, second_;
  int queries_ = 0, keys_ = 0;
  float largest_ = 1;
  std::vector<std::string> labels_[2];
  std::string names_[2];
  std::string titles_[2] = {"query", "key"};
  double scroll_ = 0;
  int hover_side_ = -1, hover_ = -1;
  int pinned_side_ = -1, pinned_ = -1;
  int lines_drawn_ = 0;
};

}  // namespace vitrine::views
