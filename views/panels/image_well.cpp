#include "views/panels/image_well.h"

#include <QDragEnterEvent>
#include <QKeyEvent>
#include <QMimeData>
#include <QMouseEvent>
#include <QPainter>
#include <QToolTip>
#include <QUrl>

#include "views/panels/style.h"

namespace vitrine::views {

QImage to_qimage(const engine::Picture8& picture) {
  if (picture.width <= 0 || picture.height <= 0 ||
      picture.rgb.size() < static_cast<std::size_t>(picture.width) * static_cast<std::size_t>(picture.height) * 3)
    return {};
  return QImage(picture.rgb.data(), picture.width, picture.height, 3 * picture.width, QImage::Format_RGB888).copy();
}

ImageWell::ImageWell(QWidget* parent) : QWidget(parent) {
  setAcceptDrops(true);
  setMouseTracking(true);
  setFocusPolicy(Qt::StrongFocus);
  setAccessibleName(tr("Image"));
}

void ImageWell::set_image(const std::optional<engine::Picture8>& image, const std::optional<engine::PatchGrid>& grid) {
  image_ = image ? to_qimage(*image) : QImage();
  grid_ = grid;
  update();
}

void ImageWell::set_grid_shown(bool shown) {
  grid_shown_ = shown;
  update();
}

void ImageWell::set_current(int token) {
  current_ = token;
  update();
}

QRectF ImageWell::image_box() const {
  if (image_.isNull()) return {};
  const QSizeF size = QSizeF(image_.size()).scaled(QSizeF(width() - 2, height() - 2), Qt::KeepAspectRatio);
  return QRectF(QPointF(std::floor((width() - size.width()) / 2), std::floor((height() - size.height()) / 2)), size);
}

QRectF ImageWell::patch_box(int token) const {
  if (!grid_ || token < grid_->offset || token >= grid_->offset + grid_->rows * grid_->cols) return {};
  const QRectF box = image_box();
  const int patch = token - grid_->offset;
  const qreal w = box.width() / grid_->cols, h = box.height() / grid_->rows;
  return {box.left() + (patch % grid_->cols) * w, box.top() + (patch / grid_->cols) * h, w, h};
}

int ImageWell::token_at(const QPointF& point) const {
  const QRectF box = image_box();
  if (!grid_ || grid_->rows <= 0 || grid_->cols <= 0 || !box.contains(point)) return -1;
  const int col = std::min(grid_->cols - 1, static_cast<int>((point.x() - box.left()) / box.width() * grid_->cols));
  const int row = std::min(grid_->rows - 1, static_cast<int>((point.y() - box.top()) / box.height() * grid_->rows));
  return grid_->offset + row * grid_->cols + col;
}

void ImageWell::paint_empty(QPainter& painter) const {
  const Shades s = shades(*this);
  painter.setPen(QPen(dragging_ || hasFocus() ? s.accent : s.line, 1, Qt::DashLine));
  painter.setBrush(s.base);
  painter.drawRoundedRect(QRectF(rect()).adjusted(0.5, 0.5, -0.5, -0.5), 4, 4);
  painter.setPen(s.muted);
  painter.drawText(rect().adjusted(kGrid, kGrid, -kGrid, -kGrid), Qt::AlignCenter | Qt::TextWordWrap,
                   tr("Drop an image here, or click to open one"));
}

void ImageWell::paintEvent(QPaintEvent*) {
  QPainter painter(this);
  painter.setRenderHint(QPainter::Antialiasing);
  if (image_.isNull()) return paint_empty(painter);
  const Shades s = shades(*this);
  const QRectF box = image_box();
  painter.setRenderHint(QPainter::SmoothPixmapTransform, image_.width() >= 96);
  painter.drawImage(box, image_);
  painter.setRenderHint(QPainter::Antialiasing, false);
  if (grid_ && grid_shown_ && grid_->rows > 0 && grid_->cols > 0 && box.width() / grid_->cols >= 4) {
    for (const auto& [colour, shift] : {std::pair{QColor(0, 0, 0, 90), 1.0}, std::pair{QColor(255, 255, 255, 110), 0.0}}) {
      painter.setPen(QPen(colour, 1));
      for (int c = 1; c < grid_->cols; ++c) {
        const qreal x = std::round(box.left() + box.width() * c / grid_->cols) + shift;
        painter.drawLine(QPointF(x, box.top()), QPointF(x, box.bottom()));
      }
      for (int r = 1; r < grid_->rows; ++r) {
        const qreal y = std::round(box.top() + box.height() * r / grid_->rows) + shift;
        painter.drawLine(QPointF(box.left(), y), QPointF(box.right(), y));
      }
    }
  }
  painter.setBrush(Qt::NoBrush);
  if (const QRectF patch = patch_box(hovered_); !patch.isNull()) {
    painter.setPen(QPen(Qt::white, 1));
    painter.drawRect(patch);
  }
  if (const QRectF patch = patch_box(current_); !patch.isNull()) {
    painter.setPen(QPen(QColor(0, 0, 0, 160), 4));
    painter.drawRect(patch);
    painter.setPen(QPen(s.accent, 2));
    painter.drawRect(patch);
  }
  if (dragging_ || hasFocus()) {
    painter.setPen(QPen(s.accent, 1));
    painter.drawRect(QRectF(rect()).adjusted(0.5, 0.5, -0.5, -0.5));
  }
}

void ImageWell::mousePressEvent(QMouseEvent* event) {
  if (image_.isNull()) {
    emit open_asked();
    return;
  }
  if (const int token = token_at(event->position()); token >= 0) {
    set_current(token);
    emit chosen(token);
  }
}

void ImageWell::mouseMoveEvent(QMouseEvent* event) {
  const int token = token_at(event->position());
  if (token == hovered_) return;
  hovered_ = token;
  update();
  if (token < 0 || !grid_) return QToolTip::hideText();
  const int patch = token - grid_->offset;
  QToolTip::showText(event->globalPosition().toPoint(),
                     tr("patch %1, %2 · token %3").arg(patch / grid_->cols).arg(patch % grid_->cols).arg(token), this);
}

void ImageWell::leaveEvent(QEvent*) {
  hovered_ = -1;
  update();
}

void ImageWell::keyPressEvent(QKeyEvent* event) {
  if (image_.isNull()) {
    if (event->key() == Qt::Key_Space || event->key() == Qt::Key_Return) return emit open_asked();
    return QWidget::keyPressEvent(event);
  }
  if (!grid_) return QWidget::keyPressEvent(event);
  int step = 0;
  if (event->key() == Qt::Key_Left) step = -1;
  if (event->key() == Qt::Key_Right) step = 1;
  if (event->key() == Qt::Key_Up) step = -grid_->cols;
  if (event->key() == Qt::Key_Down) step = grid_->cols;
  if (step == 0) return QWidget::keyPressEvent(event);
  const int next = current_ < grid_->offset ? grid_->offset : current_ + step;
  if (patch_box(next).isNull()) return;
  set_current(next);
  emit chosen(next);
}

void ImageWell::dragEnterEvent(QDragEnterEvent* event) {
  const auto urls = event->mimeData()->urls();
  if (urls.size() != 1 || !urls.front().isLocalFile()) return;
  dragging_ = true;
  event->acceptProposedAction();
  update();
}

void ImageWell::dragLeaveEvent(QDragLeaveEvent*) {
  dragging_ = false;
  update();
}

void ImageWell::dropEvent(QDropEvent* event) {
  dragging_ = false;
  update();
  const auto urls = event->mimeData()->urls();
  if (urls.size() == 1) emit dropped(urls.front().toLocalFile());
}

}  // namespace vitrine::views
