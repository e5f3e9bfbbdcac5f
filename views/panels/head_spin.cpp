#include "views/panels/head_spin.h"

#include <numeric>

#include <QKeyEvent>

#include "views/panels/part_edits.h"

namespace vitrine::views {

HeadSpin::HeadSpin(QWidget* parent) : QSpinBox(parent) {
  setKeyboardTracking(false);
  setFixedWidth(76);
  setAccessibleName(tr("Head, as layer.head"));
  setToolTip(tr("Head as layer.head; arrows step through heads, Page Up and Page Down through layers"));
  connect(this, &QSpinBox::valueChanged, this, [this] { emit chosen(layer(), head()); });
}

void HeadSpin::set_heads(const std::vector<int>& heads_per_layer) {
  const QSignalBlocker quiet(this);
  const auto kept = place(value());
  heads_ = heads_per_layer;
  const int all = std::accumulate(heads_.begin(), heads_.end(), 0);
  setRange(0, std::max(0, all - 1));
  setEnabled(all > 0);
  setValue(flat(kept.first, kept.second));
}

void HeadSpin::set_place(int layer, int head) {
  const QSignalBlocker quiet(this);
  setValue(flat(layer, std::max(0, head)));
}

int HeadSpin::layer() const { return place(value()).first; }
int HeadSpin::head() const { return place(value()).second; }

std::pair<int, int> HeadSpin::place(int flat) const {
  for (int l = 0; l < static_cast<int>(heads_.size()); ++l) {
    if (flat < heads_[static_cast<std::size_t>(l)]) return {l, flat};
    flat -= heads_[static_cast<std::size_t>(l)];
  }
  return {0, 0};
}

int HeadSpin::flat(int layer, int head) const {
  int sum = 0;
  for (int l = 0; l < layer && l < static_cast<int>(heads_.size()); ++l) sum += heads_[static_cast<std::size_t>(l)];
  return sum + head;
}

QString HeadSpin::textFromValue(int value) const {
  const auto [layer, head] = place(value);
  return QString("%1.%2").arg(layer).arg(head);
}

int HeadSpin::valueFromText(const QString& text) const {
  const auto parsed = parse_head(text.trimmed().toStdString(), "");
  return parsed ? flat(parsed->layer, parsed->head) : value();
}

QValidator::State HeadSpin::validate(QString& text, int&) const {
  for (const QChar c : text)
    if (!c.isDigit() && c != QLatin1Char('.')) return QValidator::Invalid;
  const auto parsed = parse_head(text.toStdString(), "");
  if (!parsed || parsed->layer < 0 || parsed->layer >= static_cast<int>(heads_.size())) return QValidator::Intermediate;
  return parsed->head < heads_[static_cast<std::size_t>(parsed->layer)] ? QValidator::Acceptable
                                                                        : QValidator::Intermediate;
}

void HeadSpin::keyPressEvent(QKeyEvent* event) {
  const int step = event->key() == Qt::Key_PageUp ? 1 : event->key() == Qt::Key_PageDown ? -1 : 0;
  const int next = layer() + step;
  if (step == 0 || next < 0 || next >= static_cast<int>(heads_.size())) return QSpinBox::keyPressEvent(event);
  setValue(flat(next, std::min(head(), heads_[static_cast<std::size_t>(next)] - 1)));
}

}  // namespace vitrine::views
