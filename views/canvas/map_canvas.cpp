#include "views/canvas/map_canvas.h"
#include "views/data/labels.h"

#include <algorithm>
#include <cmath>

#include <QKeyEvent>
#include <QMouseEvent>
#include <QWheelEvent>

namespace vitrine::views {

namespace {
constexpr double kLargestCell = 120;
constexpr double kFitCell = 72;
constexpr double kZoomStep = 1.2;
constexpr double kDragStart = 4;
constexpr float kWidestLabel = 132;

const engine::Array* matrix_of(const engine::Report* report) {
  if (report == nullptr || report->arrays.empty()) return nullptr;
  const engine::Array& array = report->arrays.front();
  const bool good = array.shape.size() == 2 && array.shape[0] > 0 && array.shape[1] > 0 &&
                    static_cast<std::int64_t>(array.values.size()) == array.numel();
  return good ? &array : nullptr;
}

std::vector<std::string> axis_labels_of(const engine::Report& report, std::size_t axis) {
  const engine::Array& array = report.arrays.front();
  const auto length = static_cast<std::size_t>(array.shape[axis]);
  std::vector<std::string> out;
  if (axis < array.axes.size() && array.axes[axis].labels.size() == length) {
    for (const std::string& text : array.axes[axis].labels) out.push_back(visible_text(text));
  } else if (report.tokens.size() == length) {
    for (const engine::TokenLabel& token : report.tokens) out.push_back(visible_text(token.text));
  }
  return out;
}
}  // namespace

MapCanvas::MapCanvas(QWidget* parent) : CanvasWidget(parent) { setMinimumSize(120, 90); }

void MapCanvas::set_report(std::shared_ptr<const engine::Report> report) {
  const std::int64_t rows = first_.rows(), cols = first_.cols();
  const engine::Array* array = matrix_of(report.get());
  row_labels_.clear();
  col_labels_.clear();
  if (array == nullptr) {
    first_.clear();
    second_.clear();
  } else {
    first_.set_values(array->shape[0], array->shape[1], array->values);
    row_labels_ = axis_labels_of(*report, 0);
    col_labels_ = axis_labels_of(*report, 1);
    row_name_ =
        !array->axes.empty() && !array->axes[0].name.empty() ? array->axes[0].name : "query";
    col_name_ =
        array->axes.size() > 1 && !array->axes[1].name.empty() ? array->axes[1].name : "key";
    unit_ = array->unit;
  }
  shape_changed(rows, cols);
}

void MapCanvas::set_compare(std::shared_ptr<const engine::Report> report) {
  const engine::Array* array = matrix_of(report.get());
  if (array == nullptr || array->shape[0] != first_.rows() || array->shape[1] != first_.cols()) {
    second_.clear();
  } else {
    second_.set_values(array->shape[0], array->shape[1], array->values);
  }
  measure_range();
  recolour();
}

void MapCanvas::set_source(TileSource source) {
  const std::int64_t rows = first_.rows(), cols = first_.cols();
  row_labels_.clear();
  col_labels_.clear();
  if (static_cast<std::int64_t>(source.row_labels.size()) == source.rows) {
    for (const std::string& text : source.row_labels) row_labels_.push_back(visible_text(text));
  }
  if (static_cast<std::int64_t>(source.col_labels.size()) == source.cols) {
    for (const std::string& text : source.col_labels) col_labels_.push_back(visible_text(text));
  }
  source.row_labels.clear();
  source.col_labels.clear();
  row_name_ = source.row_name;
  col_name_ = source.col_name;
  first_.set_source(std::move(source));
  shape_changed(rows, cols);
}

void MapCanvas::set_compare_source(TileSource source) {
  if (source.rows != first_.rows() || source.cols != first_.cols()) {
    second_.clear();
  } else {
    second_.set_source(std::move(source));
  }
  measure_range();
  recolour();
}

void MapCanvas::shape_changed(std::int64_t old_rows, std::int64_t old_cols) {
  if (first_.rows() != old_rows || first_.cols() != old_cols) {
    second_.clear();
    selected_row_ = selected_col_ = hover_row_ = hover_col_ = -1;
    fitted_ = true;
  }
  measure_range();
  theme_replaced();
  recolour();
}

void MapCanvas::set_tile(const TileKey& key, std::vector<float> values, bool second, bool exact) {
  if (!(second ? second_ : first_).put_tile(key, std::move(values), exact)) return;
  if (key.level == first_.levels() - 1) {
    const ColorScale before = scale();
    measure_range();
    stale_ = stale_ || scale() != before;
  }
  if (const auto it = drawn_.find(key); it != drawn_.end()) it->second.stale = true;
  redraw();
}

void MapCanvas::set_row(std::int64_t row, std::vector<float> values, bool second) {
  if ((second ? second_ : first_).put_row(row, std::move(values))) redraw();
}

void MapCanvas::set_names(const QString& first, const QString& second) {
  first_name_ = first.toStdString();
  second_name_ = second.toStdString();
  redraw();
}

void MapCanvas::set_settings(const MapSettings& settings) {
  settings_ = settings;
  measure_range();
  theme_replaced();
  recolour();
}

void MapCanvas::measure_range() {
  auto_range_ = ColorScale::fit(first_.overview(), settings_.diverging, settings_.log);
  difference_range_ = {-1, 1, false};
  if (!two()) return;
  const ColorScale other = ColorScale::fit(second_.overview(), settings_.diverging, settings_.log);
  auto_range_.lo = std::min(auto_range_.lo, other.lo);
  auto_range_.hi = std::max(auto_range_.hi, other.hi);
  const auto a = first_.overview(), b = second_.overview();
  if (a.size() != b.size() || a.empty()) return;
  float widest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const float d = std::abs(a[i] - b[i]);
    if (std::isfinite(d)) widest = std::max(widest, d);
  }
  if (widest > 0) difference_range_ = {-widest, widest, false};
}

MapCompare MapCanvas::mode() const {
  if (!two()) return MapCompare::First;
  if (!flip_) return settings_.compare;
  return settings_.compare == MapCompare::First ? MapCompare::Second : MapCompare::First;
}

bool MapCanvas::diverging() const {
  return settings_.diverging || mode() == MapCompare::Difference;
}

ColorScale MapCanvas::scale() const {
  if (mode() == MapCompare::Difference) return difference_range_;
  ColorScale scale = auto_range_;
  if (settings_.lo) scale.lo = *settings_.lo;
  if (settings_.hi) scale.hi = *settings_.hi;
  return scale;
}

void MapCanvas::set_selection(int query, int key) {
  const bool inside = query >= 0 && query < first_.rows() && key >= -1 && key < first_.cols();
  selected_row_ = inside ? query : -1;
  selected_col_ = inside ? key : -1;
  redraw();
}

void MapCanvas::recolour() {
  stale_ = true;
  redraw();
}


void MapCanvas::theme_replaced() {
  row_gutter_ = label_width(row_labels_, first_.rows());
  col_gutter_ = label_width(col_labels_, first_.cols());
  stale_ = true;
  lay_out();
}

float MapCanvas::label_width(const std::vector<std::string>& labels, std::int64_t count) const {
  if (!settings_.labels || count == 0) return 0;
  // Many labels are numbers: with every digit as wide as the widest, one that was not measured fits as well.
  const TextStyle style = text_style(0.95, false, true);
  if (labels.empty())
    return measure(std::string(std::to_string(count - 1).size(), '0'), style).x + 2;
  // Measuring fifty thousand labels takes half a second: the widest is among the longest.
  constexpr std::size_t kMeasured = 64;
  std::vector<const std::string*> longest(labels.size());
  std::transform(labels.begin(), labels.end(), longest.begin(), [](const std::string& text) { return &text; });
  const std::size_t measured = std::min(kMeasured, longest.size());
  std::partial_sort(longest.begin(), longest.begin() + static_cast<std::ptrdiff_t>(measured), longest.end(),
                    [](const auto* a, const auto* b) { return a->size() > b->size(); });
  float widest = 0;
  for (std::size_t i = 0; i < measured && widest < kWidestLabel; ++i) widest = std::max(widest, measure(*longest[i], style).x);
  return std::min(widest + 2, kWidestLabel);
}

std::string MapCanvas::label(const std::vector<std::string>& labels, std::int64_t i) const {
  return i >= 0 && i < static_cast<std::int64_t>(labels.size())
             ? labels[static_cast<std::size_t>(i)]
             : std::to_string(i);
}

void MapCanvas::lay_out() {
  const double name = settings_.labels ? theme().text_px + 9 : 0;
  const double left = 8 + name + row_gutter_ + (settings_.labels ? 6 : 0);
  const double top = 8 + name + col_gutter_ + (settings_.labels ? 6 : 0);
  const double right = settings_.color_bar ? 70 : 8;
  plot_ = QRectF(left, top, std::max(16.0, width() - left - right),
                 std::max(16.0, height() - top - 10));
  if (first_.empty()) return;
  if (fitted_) {
    cell_ = std::min({plot_.width() / static_cast<double>(first_.cols()),
                      plot_.height() / static_cast<double>(first_.rows()), kFitCell});
  }
  clamp_view();
}

void MapCanvas::clamp_view() {
  const auto place = [&](double origin, double count, double extent) {
    const double shown = extent / cell_;
    return shown >= count ? -(shown - count) / 2 : std::clamp(origin, 0.0, count - shown);
  };
  left_ = place(left_, static_cast<double>(first_.cols()), plot_.width());
  top_ = place(top_, static_cast<double>(first_.rows()), plot_.height());
}

void MapCanvas::fit() {
  fitted_ = true;
  lay_out();
  redraw();
  emit view_changed();
}

void MapCanvas::zoom(double factor, QPointF about) {
  if (first_.empty()) return;
  const double smallest = std::min({plot_.width() / static_cast<double>(first_.cols()),
                                    plot_.height() / static_cast<double>(first_.rows()), kFitCell});
  const double x = left_ + (about.x() - plot_.left()) / cell_;
  const double y = top_ + (about.y() - plot_.top()) / cell_;
  cell_ = std::clamp(cell_ * factor, smallest, std::max(smallest, kLargestCell));
  fitted_ = cell_ == smallest;
  left_ = x - (about.x() - plot_.left()) / cell_;
  top_ = y - (about.y() - plot_.top()) / cell_;
  clamp_view();
  redraw();
  emit view_changed();
}

void MapCanvas::reveal(int query, int key) {
  if (first_.empty() || query < 0) return;
  const auto pull = [&](double origin, double at, double extent) {
    const double shown = extent / cell_;
    if (at < origin) return at;
    return at + 1 > origin + shown ? at + 1 - shown : origin;
  };
  top_ = pull(top_, query, plot_.height());
  if (key >= 0) left_ = pull(left_, key, plot_.width());
  clamp_view();
  redraw();
}

QRectF MapCanvas::matrix_rect() const {
  return {plot_.left() - left_ * cell_, plot_.top() - top_ * cell_,
          static_cast<double>(first_.cols()) * cell_, static_cast<double>(first_.rows()) * cell_};
}

QPointF MapCanvas::cell_centre(int query, int key) const {
  return {plot_.left() + (key + 0.5 - left_) * cell_, plot_.top() + (query + 0.5 - top_) * cell_};
}

std::optional<std::pair<int, int>> MapCanvas::cell_at(QPointF position) const {
  if (first_.empty() || !plot_.contains(position)) return std::nullopt;
  const double col = std::floor(left_ + (position.x() - plot_.left()) / cell_);
  const double row = std::floor(top_ + (position.y() - plot_.top()) / cell_);
  if (row < 0 || col < 0 || row >= static_cast<double>(first_.rows()) ||
      col >= static_cast<double>(first_.cols())) {
    return std::nullopt;
  }
  return std::pair(static_cast<int>(row), static_cast<int>(col));
}

MapProbe MapCanvas::probe(int query, int key) {
  MapProbe out{
      query, key, label(row_labels_, query), label(col_labels_, key), std::nullopt, std::nullopt,
      0,     0};
  const bool use_second = mode() == MapCompare::Second;
  out.value = first_.value(query, key);
  if (two()) out.second = second_.value(query, key);
  const auto row = (use_second ? second_ : first_).row(query);
  const auto own = use_second ? out.second : out.value;
  if (row.empty() || !own || std::isnan(*own)) return out;
  out.rank = 1;
  for (const float v : row) {
    if (std::isnan(v)) continue;
    ++out.rank_of;
    if (v > *own) ++out.rank;
  }
  return out;
}

std::optional<QColor> MapCanvas::cell_color(int query, int key) {
  const auto a = first_.value(query, key);
  const auto b = two() ? second_.value(query, key) : a;
  if (!a || !b) return std::nullopt;
  const std::uint32_t c = ink().of(*a, *b);
  return QColor(static_cast<int>(c & 0xff), static_cast<int>(c >> 8 & 0xff),
                static_cast<int>(c >> 16 & 0xff));
}

void MapCanvas::set_hover(int row, int col) {
  if (row == hover_row_ && col == hover_col_) return;
  hover_row_ = row;
  hover_col_ = col;
  redraw();
  emit hovered(row, col);
}

void MapCanvas::resizeEvent(QResizeEvent* event) {
  CanvasWidget::resizeEvent(event);
  lay_out();
}

void MapCanvas::mousePressEvent(QMouseEvent* event) {
  if (event->button() == Qt::RightButton) return event->ignore();
  pressed_ = true;
  panning_ = event->button() == Qt::MiddleButton;
  press_ = last_ = event->position();
}

void MapCanvas::mouseMoveEvent(QMouseEvent* event) {
  cursor_ = event->position();
  if (pressed_) {
    panning_ = panning_ || (cursor_ - press_).manhattanLength() > kDragStart;
    if (panning_) {
      left_ -= (cursor_.x() - last_.x()) / cell_;
      top_ -= (cursor_.y() - last_.y()) / cell_;
      clamp_view();
      setCursor(Qt::ClosedHandCursor);
      emit view_changed();
    }
    last_ = cursor_;
  }
  const auto cell = panning_ ? std::nullopt : cell_at(cursor_);
  cell ? set_hover(cell->first, cell->second) : set_hover(-1, -1);
  redraw();
}

void MapCanvas::mouseReleaseEvent(QMouseEvent* event) {
  const bool click = pressed_ && !panning_ && event->button() == Qt::LeftButton;
  pressed_ = panning_ = false;
  unsetCursor();
  if (!click) return;
  if (const auto cell = cell_at(event->position())) {
    set_selection(cell->first, cell->second);
    emit selected(cell->first, cell->second);
  }
}

void MapCanvas::mouseDoubleClickEvent(QMouseEvent* event) {
  if (cell_at(event->position())) zoom(std::max(2.0, 40.0 / cell_), event->position());
}

void MapCanvas::leaveEvent(QEvent* event) {
  CanvasWidget::leaveEvent(event);
  set_hover(-1, -1);
}

void MapCanvas::wheelEvent(QWheelEvent* event) {
  const double notches = event->angleDelta().y() / 120.0;
  if (notches != 0) zoom(std::pow(kZoomStep, notches), event->position());
  const auto cell = cell_at(event->position());
  cursor_ = event->position();
  cell ? set_hover(cell->first, cell->second) : set_hover(-1, -1);
  event->accept();
}

void MapCanvas::move_selection(int rows, int cols) {
  if (first_.empty()) return;
  const auto last_row = static_cast<int>(first_.rows() - 1),
             last_col = static_cast<int>(first_.cols() - 1);
  const bool none = selected_row_ < 0;
  const int row = none ? 0 : std::clamp(selected_row_ + rows, 0, last_row);
  const int col = none ? 0 : std::clamp(std::max(selected_col_, 0) + cols, 0, last_col);
  set_selection(row, col);
  reveal(row, col);
  emit selected(row, col);
}

void MapCanvas::keyPressEvent(QKeyEvent* event) {
  const int step = event->modifiers().testFlag(Qt::ShiftModifier) ? 10 : 1;
  const int far = static_cast<int>(std::min<std::int64_t>(first_.cols(), 1 << 30));
  switch (event->key()) {
    case Qt::Key_Left:
      move_selection(0, -step);
      break;
    case Qt::Key_Right:
      move_selection(0, step);
      break;
    case Qt::Key_Up:
      move_selection(-step, 0);
      break;
    case Qt::Key_Down:
      move_selection(step, 0);
      break;
    case Qt::Key_Home:
      move_selection(0, -far);
      break;
    case Qt::Key_End:
      move_selection(0, far);
      break;
    case Qt::Key_Plus:
    case Qt::Key_Equal:
      zoom(kZoomStep, hover_row_ >= 0 ? cursor_ : plot_.center());
      break;
    case Qt::Key_Minus:
      zoom(1 / kZoomStep, hover_row_ >= 0 ? cursor_ : plot_.center());
      break;
    case Qt::Key_F:
      fit();
      break;
    case Qt::Key_Escape:
      set_selection(-1, -1);
      emit selected(-1, -1);
      break;
    case Qt::Key_Space:
      if (!event->isAutoRepeat() && two()) {
        flip_ = true;
        recolour();
        emit flipped(true);
      }
      break;
    default:
      event->ignore();
  }
}

void MapCanvas::keyReleaseEvent(QKeyEvent* event) {
  if (event->key() != Qt::Key_Space || event->isAutoRepeat() || !flip_) return event->ignore();
  flip_ = false;
  recolour();
  emit flipped(false);
}

}  // namespace vitrine::views
