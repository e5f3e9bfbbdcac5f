#pragma once

#include <optional>

#include <QImage>
#include <QWidget>

#include "engine/report/report.h"

namespace vitrine::views {

/// The image as the model sees it, with its patch grid. Takes drops, a click selects a patch.
class ImageWell : public QWidget {
  Q_OBJECT
 public:
  explicit ImageWell(QWidget* parent = nullptr);
  void set_image(const std::optional<engine::Picture8>& image, const std::optional<engine::PatchGrid>& grid);
  void set_grid_shown(bool shown);
  /// Token of the selected patch; -1 none.
  void set_current(int token);
  [[nodiscard]] QRectF image_box() const;
  /// Token (offset counted in) under a point; -1 if there is none.
  [[nodiscard]] int token_at(const QPointF& point) const;
  QSize sizeHint() const override { return {200, 200}; }
  QSize minimumSizeHint() const override { return {96, 96}; }

 signals:
  void dropped(const QString& path);
  void open_asked();
  void chosen(int token);

 protected:
  void paintEvent(QPaintEvent*) override;
  void mousePressEvent(QMouseEvent* event) override;
  void mouseMoveEvent(QMouseEvent* event) override;
  void leaveEvent(QEvent*) override;
  void keyPressEvent(QKeyEvent* event) override;
  void dragEnterEvent(QDragEnterEvent* event) override;
  void dragLeaveEvent(QDragLeaveEvent*) override;
  void dropEvent(QDropEvent* event) override;

 private:
  [[nodiscard]] QRectF patch_box(int token) const;
  void paint_empty(QPainter& painter) const;
  QImage image_;
  std::optional<engine::PatchGrid> grid_;
  bool grid_shown_ = true, dragging_ = false;
  int current_ = -1, hovered_ = -1;
};

/// A copy of an 8-bit picture for painting.
[[nodiscard]] QImage to_qimage(const engine::Picture8& picture);

}  // namespace vitrine::views
