#include "views/panels/metric_list.h"

#include <cmath>

#include <QHelpEvent>
#include <QPainter>
#include <QToolTip>

#include "views/panels/style.h"

namespace vitrine::views {

namespace {

constexpr int kLine = 22;

/// +1 where more is better, -1 where less is, 0 where neither.
int better(const std::string& name) {
  if (name == "accuracy" || name == "correct") return 1;
  for (const char* less : {"kl_divergence", "perplexity", "mean_cross_entropy", "loss", "parameters", "bytes", "latency_ms",
                           "latency"})
    if (name == less) return -1;
  return 0;
}

/// Shares are read as per cent, whatever the report calls them.
QString unit_of(const engine::Metric& metric) {
  return metric.name == "accuracy" || metric.name == "mass on first token" ? QStringLiteral("share")
                                                                           : QString::fromStdString(metric.unit);
}

}  // namespace

QString metric_name(const std::string& name) {
  static const std::map<std::string, QString> known = {
      {"kl_divergence", "KL divergence"}, {"latency_ms", "Latency"}, {"bytes", "Size"},
      {"mean_cross_entropy", "Cross-entropy"}};
  if (const auto found = known.find(name); found != known.end()) return found->second;
  QString text = QString::fromStdString(name).replace('_', ' ');
  if (!text.isEmpty()) text[0] = text[0].toUpper();
  return text;
}

MetricList::MetricList(QWidget* parent) : QWidget(parent), now_(tr("now")), before_(tr("unedited")) {
  setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
}

void MetricList::set_metrics(std::vector<engine::Metric> metrics, std::set<std::string> stale) {
  const QSize before = sizeHint();
  metrics_ = std::move(metrics);
  stale_ = std::move(stale);
  QStringList spoken;
  for (std::size_t i = 0; i < metrics_.size(); ++i)
    spoken << metric_name(metrics_[i].name) + ": " + value_text(static_cast<int>(i));
  setAccessibleName(spoken.join("; "));
  if (sizeHint() != before) updateGeometry();
  update();
}

void MetricList::set_headings(const QString& now, const QString& before) {
  now_ = now;
  before_ = before;
  update();
}

bool MetricList::has_before() const {
  for (const auto& metric : metrics_)
    if (metric.before) return true;
  return false;
}

bool MetricList::is_stale(int row) const { return stale_.contains(metrics_[static_cast<std::size_t>(row)].name); }

QString MetricList::value_text(int row) const {
  const auto& metric = metrics_[static_cast<std::size_t>(row)];
  return quantity_text(metric.value, unit_of(metric));
}

QString MetricList::before_text(int row) const {
  const auto& metric = metrics_[static_cast<std::size_t>(row)];
  return metric.before ? quantity_text(*metric.before, unit_of(metric)) : QString();
}

QString MetricList::change(int row) const {
  const auto& metric = metrics_[static_cast<std::size_t>(row)];
  if (!metric.before) return {};
  const double difference = metric.value - *metric.before;
  const bool relative = metric.unit == "bytes" || metric.unit == "ms" || metric.name == "parameters";
  if (relative && *metric.before > 0 && difference != 0)
    return change_text(difference / *metric.before * 100, {}, 3) + QStringLiteral("\u202f%");
  const bool bare = metric.unit == "ms" || metric.unit == "bytes" || metric.unit.starts_with("of ");
  return change_text(difference, bare ? QString() : unit_of(metric));
}

QSize MetricList::sizeHint() const {
  const int rows = static_cast<int>(metrics_.size()) + (has_before() ? 1 : 0);
  return {360, std::max(1, rows) * kLine};
}

QSize MetricList::minimumSizeHint() const { return {200, sizeHint().height()}; }

void MetricList::paintEvent(QPaintEvent*) {
  const Shades s = shades(*this);
  QPainter painter(this);
  const bool compare = has_before();
  // Value columns are as wide as their longest text, so that they stay together at any panel width.
  qreal name_width = 0, columns[3] = {56, compare ? 56.0 : 0, compare ? 56.0 : 0};
  for (int i = 0; i < static_cast<int>(metrics_.size()); ++i) {
    name_width = std::max<qreal>(name_width, fontMetrics().horizontalAdvance(metric_name(metrics_[static_cast<std::size_t>(i)].name)));
    const QString texts[3] = {value_text(i), before_text(i), change(i)};
    for (int c = 0; c < 3; ++c) columns[c] = std::max(columns[c], tabular_width(font(), texts[c]));
  }
  qreal x = std::min(name_width + 2 * kGrid, std::max<qreal>(60, width() - columns[0] - columns[1] - columns[2] - 4 * kGrid));
  const qreal name_end = x;
  int y = 0;
  const auto boxes = [&](int c) {
    qreal left = name_end;
    for (int i = 0; i < c; ++i) left += columns[i] + 2 * kGrid;
    return QRectF(left, y, columns[c], kLine);
  };
  if (compare) {
    painter.setPen(s.muted);
    painter.drawText(boxes(0), Qt::AlignRight | Qt::AlignVCenter, now_);
    painter.drawText(boxes(1), Qt::AlignRight | Qt::AlignVCenter, before_);
    painter.drawText(boxes(2), Qt::AlignRight | Qt::AlignVCenter, tr("change"));
    y += kLine;
  }
  for (int i = 0; i < static_cast<int>(metrics_.size()); ++i, y += kLine) {
    const auto& metric = metrics_[static_cast<std::size_t>(i)];
    painter.setPen(s.line);
    if (i > 0 || compare) painter.drawLine(QPointF(0, y + 0.5), QPointF(std::min<qreal>(width(), boxes(2).right()), y + 0.5));
    painter.setPen(s.muted);
    painter.drawText(QRectF(0, y, name_end - kGrid, kLine), Qt::AlignLeft | Qt::AlignVCenter,
                     fontMetrics().elidedText(metric_name(metric.name), Qt::ElideRight, static_cast<int>(name_end - kGrid)));
    painter.setPen(is_stale(i) ? s.muted : s.text);
    draw_tabular(painter, boxes(0), value_text(i), Qt::AlignRight);
    if (!metric.before) continue;
    painter.setPen(s.muted);
    draw_tabular(painter, boxes(1), before_text(i), Qt::AlignRight);
    if (is_stale(i)) continue;
    const int good = better(metric.name) * (metric.value > *metric.before ? 1 : metric.value < *metric.before ? -1 : 0);
    painter.setPen(good > 0 ? s.good : good < 0 ? s.bad : s.muted);
    draw_tabular(painter, boxes(2), change(i), Qt::AlignRight);
  }
}

bool MetricList::event(QEvent* event) {
  if (event->type() != QEvent::ToolTip) return QWidget::event(event);
  const auto* help = static_cast<QHelpEvent*>(event);
  const int row = help->pos().y() / kLine - (has_before() ? 1 : 0);
  if (row >= 0 && row < static_cast<int>(metrics_.size())) {
    const auto& metric = metrics_[static_cast<std::size_t>(row)];
    QToolTip::showText(help->globalPos(), QString("%1 %2").arg(QString::number(metric.value, 'g', 12),
                                                               QString::fromStdString(metric.unit)), this);
  }
  return true;
}

}  // namespace vitrine::views
