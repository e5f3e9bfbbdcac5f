#include "views/figure/figure_view.h"

#include <cmath>

#include <QEvent>
#include <QPainter>
#include <QScrollBar>

#include "views/figure/fonts.h"
#include "views/figure/theme.h"

namespace vitrine::views {

FigureView::FigureView(QWidget* parent) : QWidget(parent), bar_(new QScrollBar(Qt::Vertical, this)) {
  setMouseTracking(true);
  setFocusPolicy(Qt::StrongFocus);
  setAttribute(Qt::WA_OpaquePaintEvent);
  setAccessibleName(tr("Figure"));
  bar_->hide();
  bar_->setFocusPolicy(Qt::NoFocus);
  connect(bar_, &QScrollBar::valueChanged, this, qOverload<>(&QWidget::update));
}

FigureView::~FigureView() = default;

void FigureView::set_report(std::shared_ptr<const engine::Report> report) {
  const bool same_shape = report_ && report && report_->id == report->id && !report->arrays.empty() &&
                          !report_->arrays.empty() && report_->arrays[0].shape == report->arrays[0].shape;
  report_ = std::move(report);
  if (!same_shape) {
    options_.view = {};
    cursor_.reset();
    bar_->setValue(0);
  }
  hover_.reset();
  setAccessibleName(report_ ? QString::fromStdString(report_->title) : tr("Figure"));
  invalidate();
}

void FigureView::set_options(const FigureOptions& options) {
  options_ = options;
  invalidate();
}

void FigureView::set_marks(std::vector<Mark> marks) {
  options_.marks = std::move(marks);
  invalidate();
}

void FigureView::set_cursor_tag(const QString& tag, int array) {
  cursor_.reset();
  if (!tag.isEmpty()) {
    cursor_ = parse_tag(tag.toStdString());
    cursor_->array = array;
  }
  update();
}

void FigureView::reset_view() { set_viewport({}); }

void FigureView::invalidate() {
  dirty_ = true;
  update();
}

engine::PictureKind FigureView::kind() const {
  if (!report_) return engine::PictureKind::Text;
  return options_.picture.value_or(report_->picture);
}

void FigureView::ensure_layout() const {
  if (!dirty_) return;
  dirty_ = false;
  style_ = screen_style(palette());
  list_ = {};
  list_.background = style_.surface;
  bool scrolled = false;
  if (report_ && width() > 0 && height() > 0) {
    FigureOptions options = options_;
    options.width = width();
    options.height = height();
    list_ = layout_figure(*report_, options, style_, qt_measure());
    scrolled = list_.height > height() + 1;
    if (scrolled) {
      options.width = std::max(60, width() - bar_->sizeHint().width());
      list_ = layout_figure(*report_, options, style_, qt_measure());
    }
  }
  const int extra = scrolled ? static_cast<int>(std::ceil(list_.height - height())) : 0;
  bar_->setRange(0, std::max(0, extra));
  bar_->setPageStep(height());
  bar_->setSingleStep(24);
  bar_->setVisible(extra > 0);
  painter_.forget_unused();
}

const DisplayList& FigureView::display_list() const {
  ensure_layout();
  return list_;
}

double FigureView::offset() const { return bar_->maximum() > 0 ? bar_->value() : 0; }

std::optional<Hit> FigureView::hit_at(const QPointF& position) const {
  ensure_layout();
  return hit(list_, position.x(), position.y() + offset());
}

QString FigureView::description(const Hit& hit) const {
  return report_ ? QString::fromStdString(describe(*report_, hit, options_.focus_row)) : QString();
}

void FigureView::paintEvent(QPaintEvent*) {
  ensure_layout();
  QPainter painter(this);
  painter.fillRect(rect(), to_qcolor(style_.surface));
  painter.save();
  painter.translate(0, -offset());
  painter_.draw(painter, list_);
  painter.restore();
  draw_overlay(painter);
}

void FigureView::draw_overlay(QPainter& painter) const {
  painter.setRenderHint(QPainter::Antialiasing);
  painter.setBrush(Qt::NoBrush);
  const auto outline = [&](const Box& box, const QColor& color, double width) {
    const QRectF r(box.x, box.y - offset(), box.w, box.h);
    painter.setPen(QPen(to_qcolor(with_alpha(style_.surface, 0.85)), width + 2));
    painter.drawRoundedRect(r.adjusted(-1, -1, 1, 1), 2, 2);
    painter.setPen(QPen(color, width));
    painter.drawRoundedRect(r.adjusted(-1, -1, 1, 1), 2, 2);
  };
  const bool framed = list_.plot.has_value();
  if (framed) {
    painter.save();
    painter.setClipRect(
        QRectF(list_.plot->x - 5, list_.plot->y - 5 - offset(), list_.plot->w + 10, list_.plot->h + 10));
  }
  if (hover_ && drag_ != Drag::Band)
    if (const auto box = find_box(list_, hover_->tag, hover_->array)) {
      const bool row = hover_->kind == "row" || hover_->kind == "metric" || hover_->kind == "bar";
      const QRectF r(box->x, box->y - offset(), box->w, box->h);
      if (row) painter.fillRect(r, to_qcolor(with_alpha(style_.accent, 0.10)));
      else if (hover_->kind != "line" && hover_->kind != "path" && find_box(list_, hover_->tag, hover_->array))
        outline(*box, to_qcolor(style_.text), 1);
    }
  if (cursor_ && hasFocus())
    if (const auto box = find_box(list_, cursor_->tag, cursor_->array)) outline(*box, to_qcolor(style_.accent), 2);
  if (framed) painter.restore();
  if (drag_ == Drag::Band) {
    painter.setPen(QPen(to_qcolor(style_.accent), 1));
    painter.setBrush(to_qcolor(with_alpha(style_.accent, 0.12)));
    painter.drawRect(QRectF(press_, last_).normalized());
  }
  if (hasFocus()) {
    painter.setBrush(Qt::NoBrush);
    painter.setPen(QPen(to_qcolor(style_.accent), 1));
    painter.drawRect(QRectF(rect()).adjusted(0.5, 0.5, -0.5, -0.5));
  }
}

void FigureView::resizeEvent(QResizeEvent*) {
  const int wide = bar_->sizeHint().width();
  bar_->setGeometry(width() - wide, 0, wide, height());
  invalidate();
}

void FigureView::changeEvent(QEvent* event) {
  if (event->type() == QEvent::PaletteChange || event->type() == QEvent::StyleChange ||
      event->type() == QEvent::FontChange)
    invalidate();
  QWidget::changeEvent(event);
}

void FigureView::focusInEvent(QFocusEvent* event) {
  QWidget::focusInEvent(event);
  update();
}

void FigureView::focusOutEvent(QFocusEvent* event) {
  QWidget::focusOutEvent(event);
  update();
}

}  // namespace vitrine::views
