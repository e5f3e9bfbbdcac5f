#include "views/panels/controls.h"

#include <algorithm>

#include <QHBoxLayout>
#include <QKeyEvent>
#include <QMouseEvent>
#include <QPainter>
#include <QVBoxLayout>

#include "views/panels/style.h"

namespace vitrine::views {

Segmented::Segmented(const QStringList& names, QWidget* parent) : QWidget(parent), names_(names) {
  enabled_.fill(true, names.size());
  setFocusPolicy(Qt::StrongFocus);
  setMouseTracking(true);
  setSizePolicy(QSizePolicy::Fixed, QSizePolicy::Fixed);
}

void Segmented::set_current(int index) {
  if (index < 0 || index >= names_.size()) return;
  current_ = index;
  update();
}

void Segmented::set_choice_enabled(int index, bool enabled) {
  if (index < 0 || index >= enabled_.size()) return;
  enabled_[index] = enabled;
  update();
}

bool Segmented::choice_enabled(int index) const { return enabled_.value(index, false); }

QSize Segmented::sizeHint() const {
  int width = 2;
  for (const QString& name : names_) width += fontMetrics().horizontalAdvance(name) + 2 * kGrid + 4;
  return {width, kRow};
}

QRect Segmented::box(int index) const {
  int x = 1;
  for (int i = 0; i < names_.size(); ++i) {
    const int width = fontMetrics().horizontalAdvance(names_[i]) + 2 * kGrid + 4;
    if (i == index) return {x, 1, width, height() - 2};
    x += width;
  }
  return {};
}

int Segmented::index_at(int x) const {
  for (int i = 0; i < names_.size(); ++i)
    if (box(i).left() <= x && x <= box(i).right()) return i;
  return -1;
}

void Segmented::choose(int index) {
  if (index < 0 || index >= names_.size() || !enabled_[index] || index == current_) return;
  current_ = index;
  update();
  emit chosen(index);
}

void Segmented::paintEvent(QPaintEvent*) {
  const Shades s = shades(*this);
  QPainter painter(this);
  painter.setRenderHint(QPainter::Antialiasing);
  painter.setPen(QPen(hasFocus() ? s.accent : s.line, 1));
  painter.setBrush(s.base);
  painter.drawRoundedRect(QRectF(rect()).adjusted(0.5, 0.5, -0.5, -0.5), 4, 4);
  for (int i = 0; i < names_.size(); ++i) {
    const QRectF cell = QRectF(box(i)).adjusted(1, 1, -1, -1);
    if (i == current_) {
      painter.setPen(Qt::NoPen);
      painter.setBrush(isEnabled() ? s.accent : s.line);
      painter.drawRoundedRect(cell, 3, 3);
    } else if (i == hovered_ && enabled_[i]) {
      painter.setPen(Qt::NoPen);
      painter.setBrush(s.raised);
      painter.drawRoundedRect(cell, 3, 3);
    }
    const bool usable = enabled_[i] && isEnabled();
    painter.setPen(!usable ? s.faint : i == current_ ? s.on_accent : s.text);
    painter.drawText(cell, Qt::AlignCenter, names_[i]);
  }
}

void Segmented::mousePressEvent(QMouseEvent* event) { choose(index_at(event->pos().x())); }

void Segmented::mouseMoveEvent(QMouseEvent* event) {
  hovered_ = index_at(event->pos().x());
  update();
}

void Segmented::leaveEvent(QEvent*) {
  hovered_ = -1;
  update();
}

void Segmented::keyPressEvent(QKeyEvent* event) {
  const int step = event->key() == Qt::Key_Right ? 1 : event->key() == Qt::Key_Left ? -1 : 0;
  if (step == 0) return QWidget::keyPressEvent(event);
  for (int i = current_ + step; i >= 0 && i < names_.size(); i += step)
    if (enabled_[i]) return choose(i);
}

FlowLayout::~FlowLayout() { qDeleteAll(items_); }

QLayoutItem* FlowLayout::takeAt(int index) {
  return index >= 0 && index < items_.size() ? items_.takeAt(index) : nullptr;
}

QSize FlowLayout::minimumSize() const {
  QSize size;
  for (const QLayoutItem* item : items_) size = size.expandedTo(item->minimumSize());
  return size;
}

void FlowLayout::setGeometry(const QRect& area) {
  QLayout::setGeometry(area);
  place(area, true);
}

int FlowLayout::place(const QRect& area, bool move) const {
  int x = area.x(), y = area.y(), line = 0;
  for (QLayoutItem* item : items_) {
    if (item->widget() && item->widget()->isHidden()) continue;
    const QSize size = item->sizeHint().boundedTo(QSize(std::max(area.width(), 1), QWIDGETSIZE_MAX));
    if (x > area.x() && x + size.width() > area.right() + 1) {
      x = area.x();
      y += line + gap_;
      line = 0;
    }
    if (move) item->setGeometry(QRect(QPoint(x, y), size));
    x += size.width() + gap_;
    line = std::max(line, size.height());
  }
  return y + line - area.y();
}

ElidedLabel::ElidedLabel(QWidget* parent) : QWidget(parent) {
  setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
}

void ElidedLabel::set_text(const QString& text) {
  if (text == text_) return;
  text_ = text;
  setToolTip(text);
  setAccessibleName(text);
  updateGeometry();
  update();
}

QSize ElidedLabel::sizeHint() const {
  const QMargins around = contentsMargins();
  return {static_cast<int>(tabular_width(font(), text_)) + 2 + around.left() + around.right(), fontMetrics().height() + 2};
}

void ElidedLabel::paintEvent(QPaintEvent*) {
  const Shades s = shades(*this);
  const QRect box = contentsRect();
  QPainter painter(this);
  painter.setPen(muted_ ? s.muted : s.text);
  if (tabular_width(font(), text_) <= box.width())
    draw_tabular(painter, box, text_, Qt::AlignLeft);
  else
    painter.drawText(box, Qt::AlignLeft | Qt::AlignVCenter, fontMetrics().elidedText(text_, Qt::ElideRight, box.width()));
}

QLabel* caption(const QString& text, QWidget* buddy) {
  auto* label = new QLabel(text);
  label->setForegroundRole(QPalette::PlaceholderText);
  label->setFixedHeight(kRow);
  if (buddy) label->setBuddy(buddy);
  return label;
}

QWidget* control_bar(const QList<QWidget*>& controls) {
  auto* bar = new QWidget;
  auto* flow = new FlowLayout(bar, kGrid);
  for (QWidget* control : controls) flow->addWidget(control);
  QSizePolicy policy(QSizePolicy::Expanding, QSizePolicy::Minimum);
  policy.setHeightForWidth(true);
  bar->setSizePolicy(policy);
  return bar;
}

QWidget* labelled(const QString& text, QWidget* control) {
  auto* pair = new QWidget;
  auto* row = new QHBoxLayout(pair);
  row->setContentsMargins(0, 0, 0, 0);
  row->setSpacing(6);
  row->addWidget(caption(text, control));
  row->addWidget(control);
  pair->setSizePolicy(QSizePolicy::Maximum, QSizePolicy::Fixed);
  return pair;
}

QIcon themed_icon(const QString& icon, const QPalette& palette) {
  return QIcon(QString(":/panels/%1_%2.svg").arg(icon, shades(palette).dark ? "dark" : "light"));
}

QToolButton* icon_button(const QString& icon, const QString& tip, QWidget* parent) {
  auto* button = new QToolButton(parent);
  button->setIcon(themed_icon(icon, parent ? parent->palette() : QPalette()));
  button->setProperty("icon_name", icon);
  button->setToolTip(tip);
  button->setAccessibleName(tip);
  button->setIconSize({16, 16});
  button->setFixedSize(kRow, kRow);
  return button;
}

QToolButton* toggle_button(const QString& text, const QString& name, const QString& tip) {
  auto* button = new QToolButton;
  button->setText(text);
  button->setObjectName(name);
  button->setCheckable(true);
  button->setToolTip(tip);
  button->setProperty("toggle", true);
  button->setFixedHeight(kRow);
  return button;
}

QLabel* heading(const QString& text) {
  auto* label = new QLabel(text);
  QFont font = label->font();
  font.setWeight(QFont::DemiBold);
  label->setFont(font);
  label->setFixedHeight(kRow - 4);
  return label;
}

QVBoxLayout* column_of(QWidget* owner) {
  auto* column = new QVBoxLayout(owner);
  column->setContentsMargins(0, 0, 0, 0);
  column->setSpacing(kGrid / 2);
  return column;
}

QLabel* hint(const QString& text) {
  auto* label = new QLabel(text);
  label->setForegroundRole(QPalette::PlaceholderText);
  label->setWordWrap(true);
  return label;
}

}  // namespace vitrine::views
