#include "views/canvas/head_grid_canvas.h"

#include <algorithm>
#include <cmath>

#include <QKeyEvent>
#include <QMouseEvent>
#include <QWheelEvent>

#include "views/canvas/value_pyramid.h"

namespace vitrine::views {

namespace {
constexpr double kGap = 5;
constexpr double kLeft = 46;
constexpr double kTop = 42;
constexpr double kRight = 12;
constexpr double kSmallest = 16;   ///< to which thumbnails shrink so that all heads are side by side
constexpr double kReadable = 20;   ///< to which they shrink so that all layers are in sight
constexpr double kScrolled = 44;   ///< where that is not enough and layers are scrolled
constexpr double kLargest = 148;
constexpr std::int64_t kMostHeads = 1 << 16;
constexpr HeadPlace kNone{-1, -1};
}  // namespace

HeadGridCanvas::HeadGridCanvas(QWidget* parent) : CanvasWidget(parent) { setMinimumSize(120, 90); }

void HeadGridCanvas::set_report(std::shared_ptr<const engine::Report> report) {
  report_ = nullptr;
  layers_ = heads_ = queries_ = keys_ = 0;
  exists_.clear();
  if (report != nullptr && !report->arrays.empty()) {
    const engine::Array& array = report->arrays.front();
    const bool good = array.shape.size() == 4 &&
                      std::all_of(array.shape.begin(), array.shape.end(),
                                  [](auto n) { return n > 0 && n <= kMostHeads; }) &&
                      array.shape[0] * array.shape[1] <= kMostHeads &&
                      static_cast<std::int64_t>(array.values.size()) == array.numel();
    if (good) {
      report_ = std::move(report);
      layers_ = static_cast<int>(array.shape[0]);
      heads_ = static_cast<int>(array.shape[1]);
      queries_ = static_cast<int>(array.shape[2]);
      keys_ = static_cast<int>(array.shape[3]);
      const auto size = static_cast<std::size_t>(queries_) * static_cast<std::size_t>(keys_);
      for (std::size_t i = 0;
           i < static_cast<std::size_t>(layers_) * static_cast<std::size_t>(heads_); ++i) {
        const std::span<const float> own(array.values.data() + i * size, size);
        exists_.push_back(
            std::any_of(own.begin(), own.end(), [](float v) { return !std::isnan(v); }));
      }
    }
  }
  measure_ranges();
  if (current_.first >= layers_ || current_.second >= heads_) current_ = kNone;
  if (compared_.first >= layers_ || compared_.second >= heads_) compared_ = kNone;
  if (hover_.first >= layers_ || hover_.second >= heads_) hover_ = kNone;
  theme_replaced();
  lay_out();
  redraw();
}

void HeadGridCanvas::measure_ranges() {
  ranges_.clear();
  if (report_ == nullptr) return;
  const std::vector<float>& all = report_->arrays.front().values;
  signed_ = std::any_of(all.begin(), all.end(), [](float v) { return v < 0; });
  shared_range_ = ColorScale::fit(all, signed_, settings_.log);
  const auto size = static_cast<std::size_t>(queries_) * static_cast<std::size_t>(keys_);
  for (std::size_t i = 0; i < exists_.size(); ++i) {
    ranges_.push_back(ColorScale::fit({all.data() + i * size, size}, signed_, settings_.log));
  }
}

void HeadGridCanvas::set_stats(std::shared_ptr<const engine::Report> report) {
  stats_ = std::move(report);
  redraw();
}

void HeadGridCanvas::set_settings(const HeadGridSettings& settings) {
  settings_ = settings;
  measure_ranges();
  theme_replaced();
  redraw();
}

void HeadGridCanvas::set_current(int layer, int head) {
  current_ = has_head(layer, head) ? HeadPlace(layer, head) : kNone;
  redraw();
}

void HeadGridCanvas::set_compared(int layer, int head) {
  compared_ = has_head(layer, head) ? HeadPlace(layer, head) : kNone;
  redraw();
}

void HeadGridCanvas::set_brushed(const std::vector<HeadPlace>& heads) {
  brushed_ = {heads.begin(), heads.end()};
  redraw();
}

void HeadGridCanvas::set_pruned(const std::vector<HeadPlace>& heads) {
  pruned_ = {heads.begin(), heads.end()};
  redraw();
}

std::size_t HeadGridCanvas::index(int layer, int head) const {
  return static_cast<std::size_t>(layer) * static_cast<std::size_t>(heads_) +
         static_cast<std::size_t>(head);
}

bool HeadGridCanvas::has_head(int layer, int head) const {
  return layer >= 0 && head >= 0 && layer < layers_ && head < heads_ &&
         exists_[index(layer, head)] != 0;
}

const float* HeadGridCanvas::values(int layer, int head) const {
  return report_->arrays.front().values.data() +
         index(layer, head) * static_cast<std::size_t>(queries_) * static_cast<std::size_t>(keys_);
}

ColorScale HeadGridCanvas::range(int layer, int head) const {
  return settings_.own_range ? ranges_[index(layer, head)] : shared_range_;
}

std::string HeadGridCanvas::name(int layer, int head) const {
  return std::to_string(layer) + "." + std::to_string(head);
}

void HeadGridCanvas::lay_out() {
  if (layers_ == 0) return;
  const double wide = (width() - kLeft - kRight) / heads_ - kGap;
  const double tall = (height() - kTop - kRight) / layers_ - kGap;
  cell_ = std::clamp(std::floor(std::min(wide, tall >= kReadable ? tall : kScrolled)), kSmallest, kLargest);
  cell_ = std::clamp(std::floor(cell_ * size_factor_), kSmallest, 2 * kLargest);
  clamp_scroll();
}

void HeadGridCanvas::clamp_scroll() {
  const double wide = heads_ * (cell_ + kGap) - (width() - kLeft - kRight);
  const double tall = layers_ * (cell_ + kGap) - (height() - kTop - kRight);
  scroll_x_ = std::clamp(scroll_x_, 0.0, std::max(0.0, wide));
  scroll_y_ = std::clamp(scroll_y_, 0.0, std::max(0.0, tall));
}

QRectF HeadGridCanvas::head_rect(int layer, int head) const {
  return {kLeft + head * (cell_ + kGap) - scroll_x_, kTop + layer * (cell_ + kGap) - scroll_y_,
          cell_, cell_};
}

std::optional<HeadPlace> HeadGridCanvas::head_at(QPointF position) const {
  if (layers_ == 0 || position.x() < kLeft || position.y() < kTop) return std::nullopt;
  const int head = static_cast<int>((position.x() - kLeft + scroll_x_) / (cell_ + kGap));
  const int layer = static_cast<int>((position.y() - kTop + scroll_y_) / (cell_ + kGap));
  if (!has_head(layer, head) || !head_rect(layer, head).contains(position)) return std::nullopt;
  return HeadPlace(layer, head);
}

void HeadGridCanvas::reveal(int layer, int head) {
  const QRectF at = head_rect(layer, head);
  if (at.left() < kLeft) scroll_x_ -= kLeft - at.left();
  if (at.top() < kTop) scroll_y_ -= kTop - at.top();
  if (at.right() > width() - kRight) scroll_x_ += at.right() - width() + kRight;
  if (at.bottom() > height() - kRight) scroll_y_ += at.bottom() - height() + kRight;
  clamp_scroll();
  redraw();
}

void HeadGridCanvas::set_hover(HeadPlace place) {
  if (place == hover_) return;
  hover_ = place;
  magnifier_stale_ = true;
  redraw();
  emit hovered(place.first, place.second);
}

void HeadGridCanvas::theme_replaced() { atlas_stale_ = magnifier_stale_ = true; }

void HeadGridCanvas::resizeEvent(QResizeEvent* event) {
  CanvasWidget::resizeEvent(event);
  lay_out();
}

void HeadGridCanvas::mousePressEvent(QMouseEvent* event) {
  const auto place = head_at(event->position());
  if (!place || event->button() != Qt::LeftButton) return event->ignore();
  const auto [layer, head] = *place;
  if (event->modifiers().testFlag(Qt::ControlModifier)) {
    emit prune_toggled(layer, head);
  } else if (event->modifiers().testFlag(Qt::ShiftModifier)) {
    set_compared(layer, head);
    emit compared(layer, head);
  } else {
    set_current(layer, head);
    emit selected(layer, head);
  }
}

void HeadGridCanvas::mouseMoveEvent(QMouseEvent* event) {
  cursor_ = event->position();
  set_hover(head_at(cursor_).value_or(kNone));
}

void HeadGridCanvas::leaveEvent(QEvent* event) {
  CanvasWidget::leaveEvent(event);
  set_hover(kNone);
}

void HeadGridCanvas::wheelEvent(QWheelEvent* event) {
  const double notches = event->angleDelta().y() / 120.0;
  if (event->modifiers().testFlag(Qt::ControlModifier)) {
    size_factor_ = std::clamp(size_factor_ * std::pow(1.15, notches), 0.2, 6.0);
    lay_out();
  } else if (event->modifiers().testFlag(Qt::ShiftModifier)) {
    scroll_x_ -= notches * 60;
  } else {
    scroll_y_ -= notches * 60;
    scroll_x_ -= event->angleDelta().x() / 2.0;
  }
  clamp_scroll();
  cursor_ = event->position();
  set_hover(head_at(cursor_).value_or(kNone));
  redraw();
  event->accept();
}

void HeadGridCanvas::move_current(int layers, int heads, bool compare) {
  const HeadPlace from = compare && compared_ != kNone ? compared_ : current_;
  HeadPlace to =
      from == kNone ? HeadPlace(0, 0) : HeadPlace(from.first + layers, from.second + heads);
  if (from == kNone) layers = 0, heads = 1;
  while (to.first >= 0 && to.second >= 0 && to.first < layers_ && to.second < heads_ &&
         !has_head(to.first, to.second)) {
    to.first += layers;
    to.second += heads;
  }
  if (!has_head(to.first, to.second)) return;
  compare ? set_compared(to.first, to.second) : set_current(to.first, to.second);
  reveal(to.first, to.second);
  compare ? emit compared(to.first, to.second) : emit selected(to.first, to.second);
}

void HeadGridCanvas::keyPressEvent(QKeyEvent* event) {
  const bool compare = event->modifiers().testFlag(Qt::ShiftModifier);
  const HeadPlace aim = current_ != kNone ? current_ : hover_;
  switch (event->key()) {
    case Qt::Key_Left:
      move_current(0, -1, compare);
      break;
    case Qt::Key_Right:
      move_current(0, 1, compare);
      break;
    case Qt::Key_Up:
      move_current(-1, 0, compare);
      break;
    case Qt::Key_Down:
      move_current(1, 0, compare);
      break;
    case Qt::Key_C:
      if (aim == kNone) return event->ignore();
      set_compared(aim.first, aim.second);
      emit compared(aim.first, aim.second);
      break;
    case Qt::Key_Delete:
    case Qt::Key_P:
      if (aim == kNone) return event->ignore();
      emit prune_toggled(aim.first, aim.second);
      break;
    default:
      event->ignore();
  }
}

}  // namespace vitrine::views
