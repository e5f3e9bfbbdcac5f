#pragma once

#include <memory>
#include <optional>
#include <vector>

#include <QString>
#include <QWidget>

#include "engine/report/report.h"
#include "views/data/layout.h"
#include "views/figure/painter.h"

class QScrollBar;

namespace vitrine::views {

/// A report as a figure on the screen: the same geometry as in an exported file.
///
/// Mouse: hover shows the value; click selects; the wheel zooms (matrices, scatters, curves) or scrolls (tables,
/// tokens, text, lines); dragging moves a zoomed figure, or draws a rubber band over heat maps and scatters (with
/// Shift: over anything); double click shows all again. Keyboard: arrows move the cursor cell, Enter clicks it, + and
/// - zoom, 0 shows all, PgUp, PgDn, Home and End scroll, Escape clears the cursor. Colours come from the widget's
/// palette. Cost of a repaint: drawing only; a new layout is made when something changed.
class FigureView : public QWidget {
  Q_OBJECT
 public:
  explicit FigureView(QWidget* parent = nullptr);
  ~FigureView() override;

  void set_report(std::shared_ptr<const engine::Report> report);
  [[nodiscard]] const std::shared_ptr<const engine::Report>& report() const { return report_; }

  /// Everything but width and height, which follow the widget. The zoom is kept in `view`.
  void set_options(const FigureOptions& options);
  [[nodiscard]] const FigureOptions& options() const { return options_; }
  void set_marks(std::vector<Mark> marks);

  /// The cell, head, point, bar or row under the keyboard; a tag as in `Hit::tag`. Empty: none.
  void set_cursor_tag(const QString& tag, int array = 0);
  [[nodiscard]] QString cursor_tag() const { return QString::fromStdString(cursor_ ? cursor_->tag : std::string()); }

  void reset_view();
  /// The geometry on screen now, for tests and exporters.
  [[nodiscard]] const DisplayList& display_list() const;
  /// What lies at a point of the widget.
  [[nodiscard]] std::optional<Hit> hit_at(const QPointF& position) const;

  QSize sizeHint() const override { return {420, 320}; }
  QSize minimumSizeHint() const override { return {120, 80}; }

 signals:
  void hovered(const vitrine::views::Hit& hit, const QString& description);
  void left();  ///< nothing is pointed at any more
  void clicked(const vitrine::views::Hit& hit, Qt::KeyboardModifiers modifiers);
  void cursor_moved(const vitrine::views::Hit& hit, const QString& description);
  void brushed(const std::vector<vitrine::views::Hit>& hits);  ///< inside a rubber band; empty: cleared
  void view_changed(const vitrine::views::Viewport& view);

 protected:
  void paintEvent(QPaintEvent*) override;
  void resizeEvent(QResizeEvent*) override;
  void changeEvent(QEvent*) override;
  void mouseMoveEvent(QMouseEvent*) override;
  void mousePressEvent(QMouseEvent*) override;
  void mouseReleaseEvent(QMouseEvent*) override;
  void mouseDoubleClickEvent(QMouseEvent*) override;
  void wheelEvent(QWheelEvent*) override;
  void keyPressEvent(QKeyEvent*) override;
  void leaveEvent(QEvent*) override;
  void focusInEvent(QFocusEvent*) override;
  void focusOutEvent(QFocusEvent*) override;

 private:
  enum class Drag { None, Click, Pan, Band };

  void invalidate();
  void ensure_layout() const;
  [[nodiscard]] engine::PictureKind kind() const;
  [[nodiscard]] double offset() const;
  [[nodiscard]] bool bands_by_default() const;
  [[nodiscard]] QString description(const Hit& hit) const;
  void zoom_at(const QPointF& position, double factor);
  void pan(const QPointF& from, const QPointF& to);
  void set_viewport(Viewport view);
  void move_cursor(int rows, int columns);
  [[nodiscard]] std::optional<std::string> neighbour(int rows, int columns) const;
  void reveal(const Box& box);
  void show_hint(const QPointF& position);
  void draw_overlay(QPainter& painter) const;

  std::shared_ptr<const engine::Report> report_;
  FigureOptions options_;
  mutable DisplayList list_;
  mutable Style style_;
  mutable bool dirty_ = true;
  mutable FigurePainter painter_;
  QScrollBar* bar_ = nullptr;
  std::optional<Hit> hover_, cursor_;
  Drag drag_ = Drag::None;
  QPointF press_, last_;
};

}  // namespace vitrine::views
