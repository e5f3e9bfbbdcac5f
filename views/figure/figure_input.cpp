#include <algorithm>
#include <cmath>

#include <QKeyEvent>
#include <QMouseEvent>
#include <QScrollBar>
#include <QToolTip>
#include <QWheelEvent>

#include <fmt/format.h>

#include "views/figure/figure_view.h"

namespace vitrine::views {
namespace {

constexpr double kClosest = 1.0 / 400;  ///< smallest part of the data in view

/// Moves a span of the whole into [0, 1] and keeps it at least `kClosest` long.
void settle(double& lo, double& hi) {
  const double span = std::clamp(hi - lo, kClosest, 1.0);
  const double middle = (lo + hi) / 2;
  lo = std::clamp(middle - span / 2, 0.0, 1 - span);
  hi = lo + span;
}

}  // namespace

bool FigureView::bands_by_default() const {
  const auto k = kind();
  return k == engine::PictureKind::Scatter || k == engine::PictureKind::HeatMap ||
         k == engine::PictureKind::MatrixGrid;
}

void FigureView::set_viewport(Viewport view) {
  settle(view.x0, view.x1);
  settle(view.y0, view.y1);
  options_.view = view;
  invalidate();
  emit view_changed(view);
}

void FigureView::zoom_at(const QPointF& position, double factor) {
  ensure_layout();
  if (!zooms(kind()) || !list_.plot || list_.plot->w <= 0 || list_.plot->h <= 0) return;
  Viewport v = options_.view;
  const double ux = std::clamp((position.x() - list_.plot->x) / list_.plot->w, 0.0, 1.0);
  const double uy = std::clamp((position.y() - list_.plot->y) / list_.plot->h, 0.0, 1.0);
  const double spans = std::max(v.x1 - v.x0, v.y1 - v.y0);
  factor = std::clamp(factor, kClosest / spans, 1 / std::min(v.x1 - v.x0, v.y1 - v.y0));
  const double x = v.x0 + ux * (v.x1 - v.x0), y = v.y0 + uy * (v.y1 - v.y0);
  set_viewport({x - (x - v.x0) * factor, x + (v.x1 - x) * factor, y - (y - v.y0) * factor, y + (v.y1 - y) * factor});
}

void FigureView::pan(const QPointF& from, const QPointF& to) {
  if (!list_.plot) return;
  Viewport v = options_.view;
  const double dx = (from.x() - to.x()) / list_.plot->w * (v.x1 - v.x0);
  const double dy = (from.y() - to.y()) / list_.plot->h * (v.y1 - v.y0);
  set_viewport({v.x0 + dx, v.x1 + dx, v.y0 + dy, v.y1 + dy});
}

void FigureView::wheelEvent(QWheelEvent* event) {
  ensure_layout();
  const double turn = event->angleDelta().y() / 120.0;
  if (zooms(kind()) && list_.plot && list_.plot->contains(event->position().x(), event->position().y())) {
    zoom_at(event->position(), std::pow(0.83, turn));
    event->accept();
  } else if (bar_->maximum() > 0) {
    bar_->setValue(bar_->value() - static_cast<int>(std::lround(turn * 60)));
    event->accept();
  } else {
    event->ignore();
  }
}

void FigureView::mousePressEvent(QMouseEvent* event) {
  if (event->button() != Qt::LeftButton && event->button() != Qt::MiddleButton) return;
  press_ = last_ = event->position();
  drag_ = event->button() == Qt::MiddleButton ? Drag::Pan : Drag::Click;
}

void FigureView::mouseMoveEvent(QMouseEvent* event) {
  const QPointF at = event->position();
  if (drag_ == Drag::Click && (at - press_).manhattanLength() > 4) {
    const bool band = event->modifiers().testFlag(Qt::ShiftModifier) || (bands_by_default() && options_.view.whole());
    drag_ = band ? Drag::Band : Drag::Pan;
  }
  if (drag_ == Drag::Pan && zooms(kind())) {
    pan(last_, at);
    setCursor(Qt::ClosedHandCursor);
  }
  last_ = at;
  if (drag_ == Drag::Band) update();
  if (drag_ == Drag::None) show_hint(at);
}

void FigureView::mouseReleaseEvent(QMouseEvent* event) {
  const Drag ended = drag_;
  drag_ = Drag::None;
  unsetCursor();
  if (ended == Drag::Band) {
    const QRectF r = QRectF(press_, event->position()).normalized().translated(0, offset());
    emit brushed(hits_in(list_, {r.x(), r.y(), r.width(), r.height()}));
    update();
  }
  if (ended != Drag::Click) return;
  const auto found = hit_at(event->position());
  if (found) {
    cursor_ = *found;
    emit clicked(*found, event->modifiers());
  } else if (bands_by_default()) {
    emit brushed({});
  }
  update();
}

void FigureView::mouseDoubleClickEvent(QMouseEvent*) {
  if (!options_.view.whole()) reset_view();
}

void FigureView::show_hint(const QPointF& position) {
  const auto found = hit_at(position);
  const bool same =
      found.has_value() == hover_.has_value() &&
      (!found || (found->tag == hover_->tag && found->index == hover_->index && found->array == hover_->array));
  if (same) return;
  hover_ = found;
  update();
  if (!found) {
    QToolTip::hideText();
    emit left();
    return;
  }
  const auto text = description(*found);
  QToolTip::showText(mapToGlobal(position.toPoint()) + QPoint(14, 10), text, this);
  emit hovered(*found, text);
}

void FigureView::leaveEvent(QEvent*) {
  if (!hover_) return;
  hover_.reset();
  update();
  emit left();
}

std::optional<std::string> FigureView::neighbour(int rows, int columns) const {
  if (!cursor_) {
    const auto k = kind();
    const bool matrix = k == engine::PictureKind::Matrix || k == engine::PictureKind::HeatMap ||
                        k == engine::PictureKind::ImageOverlay;
    for (const char* first :
         {"head 0 0", "cell 0 0", "patch 0 0", "bar 0", "row 0", "token 0", "query 0", "point 0", "line 0 0"})
      if (find_box(list_, first) && (!matrix || std::string(first) != "row 0")) return first;
    return std::nullopt;
  }
  auto index = cursor_->index;
  if (cursor_->kind == "head" && index.size() > 2) index.resize(2);
  if (index.empty()) return std::nullopt;
  if (index.size() == 1) {
    index[0] += rows + columns;
    return fmt::format("{} {}", cursor_->kind, index[0]);
  }
  index[0] += rows;
  index[1] += columns;
  return fmt::format("{} {} {}", cursor_->kind, index[0], index[1]);
}

void FigureView::reveal(const Box& box) {
  if (bar_->maximum() > 0) {
    if (box.y < offset()) bar_->setValue(static_cast<int>(box.y - 8));
    if (box.bottom() > offset() + height()) bar_->setValue(static_cast<int>(box.bottom() - height() + 8));
  }
  if (options_.view.whole() || !list_.plot) return;
  const Box& plot = *list_.plot;
  QPointF by;
  if (box.x < plot.x) by.setX(plot.x - box.x);
  if (box.right() > plot.right()) by.setX(plot.right() - box.right());
  if (box.y < plot.y) by.setY(plot.y - box.y);
  if (box.bottom() > plot.bottom()) by.setY(plot.bottom() - box.bottom());
  if (!by.isNull()) pan(QPointF(0, 0), by);
}

void FigureView::move_cursor(int rows, int columns) {
  ensure_layout();
  const auto tag = neighbour(rows, columns);
  const int array = cursor_ ? cursor_->array : 0;
  const auto box = tag ? find_box(list_, *tag, array) : std::nullopt;
  if (!box) return;
  cursor_ = parse_tag(*tag);
  cursor_->array = array;
  cursor_->box = *box;
  reveal(*box);
  update();
  const auto text = description(*cursor_);
  setAccessibleDescription(text);
  emit cursor_moved(*cursor_, text);
}

void FigureView::keyPressEvent(QKeyEvent* event) {
  const QPointF middle =
      list_.plot ? QPointF(list_.plot->center().x, list_.plot->center().y) : QPointF(rect().center());
  const bool scrolling = bar_->maximum() > 0;
  switch (event->key()) {
    case Qt::Key_Up:
      return move_cursor(-1, 0);
    case Qt::Key_Down:
      return move_cursor(1, 0);
    case Qt::Key_Left:
      return move_cursor(0, -1);
    case Qt::Key_Right:
      return move_cursor(0, 1);
    case Qt::Key_Plus:
    case Qt::Key_Equal:
      return zoom_at(middle, 0.7);
    case Qt::Key_Minus:
      return zoom_at(middle, 1 / 0.7);
    case Qt::Key_0:
      return reset_view();
    case Qt::Key_Return:
    case Qt::Key_Enter:
    case Qt::Key_Space:
      if (cursor_) return emit clicked(*cursor_, event->modifiers());
      break;
    case Qt::Key_Escape:
      if (cursor_) {
        cursor_.reset();
        return update();
      }
      break;
    case Qt::Key_PageDown:
    case Qt::Key_PageUp:
      if (scrolling)
        return bar_->triggerAction(event->key() == Qt::Key_PageDown ? QScrollBar::SliderPageStepAdd
                                                                    : QScrollBar::SliderPageStepSub);
      break;
    case Qt::Key_Home:
      if (scrolling) return bar_->setValue(0);
      break;
    case Qt::Key_End:
      if (scrolling) return bar_->setValue(bar_->maximum());
      break;
    default:
      break;
  }
  QWidget::keyPressEvent(event);
}

}  // namespace vitrine::views
