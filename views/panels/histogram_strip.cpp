#include "views/panels/histogram_strip.h"

#include <algorithm>
#include <cmath>

#include <QHelpEvent>
#include <QPainter>
#include <QToolTip>

#include "views/panels/style.h"

namespace vitrine::views {

HistogramStrip::HistogramStrip(QWidget* parent) : QWidget(parent) {
  setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
  setAccessibleName(tr("Histogram of the values"));
}

void HistogramStrip::set_report(std::shared_ptr<const engine::Report> report) {
  report_ = std::move(report);
  update();
}

const engine::Array* HistogramStrip::counts() const {
  if (!report_) return nullptr;
  for (const auto& array : report_->arrays)
    if (array.name == "histogram" && !array.values.empty()) return &array;
  return nullptr;
}

double HistogramStrip::metric(const char* name) const {
  for (const auto& m : report_->metrics)
    if (m.name == name) return m.value;
  return 0;
}

QRectF HistogramStrip::plot() const { return QRectF(rect()).adjusted(0, 4, 0, -18); }

void HistogramStrip::paintEvent(QPaintEvent*) {
  const engine::Array* bins = counts();
  if (!bins) return;
  QPainter painter(this);
  const Shades s = shades(*this);
  const QRectF box = plot();
  const auto n = static_cast<double>(bins->values.size());
  const double most = std::max(1.F, *std::max_element(bins->values.begin(), bins->values.end()));
  // A rare value is a pixel high: the eye finds it beside a peak of millions.
  for (std::size_t i = 0; i < bins->values.size(); ++i) {
    if (bins->values[i] <= 0) continue;
    const double height = std::max(1.0, bins->values[i] / most * box.height());
    const double left = box.left() + static_cast<double>(i) / n * box.width();
    painter.fillRect(QRectF(left, box.bottom() - height, std::max(1.0, box.width() / n - 0.5), height), s.accent);
  }
  const double lo = metric("min"), hi = metric("max");
  painter.setPen(s.line);
  painter.drawLine(box.bottomLeft(), box.bottomRight());
  painter.setFont(font());
  painter.setPen(s.muted);
  const QRectF under(box.left(), box.bottom() + 2, box.width(), 16);
  draw_tabular(painter, under, number_text(lo), Qt::AlignLeft);
  draw_tabular(painter, under, number_text(hi), Qt::AlignRight);
  if (lo >= 0 || hi <= 0) return;
  const double zero = box.left() - lo / (hi - lo) * box.width();
  painter.setPen(s.muted);
  painter.drawLine(QPointF(zero, box.bottom()), QPointF(zero, box.bottom() + 3));
  if (zero > box.left() + 72 && zero < box.right() - 72) draw_tabular(painter, QRectF(zero - 20, under.top(), 40, 16), QStringLiteral("0"), Qt::AlignHCenter);
}

bool HistogramStrip::event(QEvent* event) {
  const engine::Array* bins = counts();
  if (event->type() != QEvent::ToolTip || !bins) return QWidget::event(event);
  const auto* help = static_cast<QHelpEvent*>(event);
  const QRectF box = plot();
  const double at = (help->pos().x() - box.left()) / std::max(1.0, box.width()) * static_cast<double>(bins->values.size());
  const auto i = static_cast<std::size_t>(std::clamp(at, 0.0, static_cast<double>(bins->values.size() - 1)));
  const QString label = i < bins->axes[0].labels.size() ? QString::fromStdString(bins->axes[0].labels[i]) : QString();
  QToolTip::showText(help->globalPos(), tr("%1 values around %2").arg(number_text(bins->values[i], 9), label), this);
  return true;
}

}  // namespace vitrine::views
