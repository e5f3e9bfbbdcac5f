#include "app/window/palette.h"

#include <algorithm>
#include <utility>

#include <QApplication>
#include <QKeyEvent>
#include <QLineEdit>
#include <QListWidget>
#include <QPainter>
#include <QStyledItemDelegate>
#include <QVBoxLayout>

#include "views/panels/style.h"

namespace vitrine::app {

namespace {

constexpr int kGroupRole = Qt::UserRole + 1;
constexpr int kShortcutRole = Qt::UserRole + 2;
constexpr int kEntryRole = Qt::UserRole + 3;
constexpr int kRowsShown = 12;

/// Title left, group muted behind it, shortcut at the right.
class EntryDelegate : public QStyledItemDelegate {
 public:
  using QStyledItemDelegate::QStyledItemDelegate;
  QSize sizeHint(const QStyleOptionViewItem&, const QModelIndex&) const override { return {200, 30}; }
  void paint(QPainter* painter, const QStyleOptionViewItem& option, const QModelIndex& index) const override {
    const views::Shades s = views::shades(QApplication::palette());
    const bool enabled = index.flags() & Qt::ItemIsEnabled;
    if (option.state & QStyle::State_Selected) {
      QColor fill = s.accent;
      fill.setAlpha(s.dark ? 70 : 40);
      painter->fillRect(option.rect, fill);
    }
    const QRect box = option.rect.adjusted(12, 0, -12, 0);
    painter->setPen(enabled ? s.text : s.faint);
    const QString title = index.data(Qt::DisplayRole).toString();
    painter->drawText(box, Qt::AlignVCenter | Qt::AlignLeft, title);
    painter->setPen(enabled ? s.muted : s.faint);
    const int after = option.fontMetrics.horizontalAdvance(title) + 14;
    painter->drawText(box.adjusted(after, 0, 0, 0), Qt::AlignVCenter | Qt::AlignLeft, index.data(kGroupRole).toString());
    painter->drawText(box, Qt::AlignVCenter | Qt::AlignRight, index.data(kShortcutRole).toString());
  }
};

}  // namespace

int match_score(const QString& typed, const QString& text) {
  if (typed.isEmpty()) return 1;
  int score = 0, at = 0, run = 0;
  for (const QChar c : typed) {
    if (c.isSpace()) {
      run = 0;
      continue;
    }
    int found = -1;
    for (int i = at; i < text.size(); ++i) {
      if (text[i].toCaseFolded() != c.toCaseFolded()) continue;
      found = i;
      break;
    }
    if (found < 0) return 0;
    run = found == at && at > 0 ? run + 1 : 0;
    const bool word_start = found == 0 || !text[found - 1].isLetterOrNumber();
    score += 1 + 3 * run + (word_start ? 6 : 0);
    at = found + 1;
  }
  return std::max(1, score * 8 - static_cast<int>(text.size()) / 4);
}

CommandPalette::CommandPalette(std::vector<PaletteEntry> entries, QWidget* parent)
    : QDialog(parent, Qt::Popup | Qt::FramelessWindowHint), entries_(std::move(entries)) {
  setObjectName(QStringLiteral("command_palette"));
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(8, 8, 8, 8);
  column->setSpacing(6);
  line_ = new QLineEdit;
  line_->setPlaceholderText(QStringLiteral("Type an action, a view, an analysis or a model"));
  line_->setAccessibleName(QStringLiteral("Find an action"));
  line_->setMinimumHeight(32);
  list_ = new QListWidget;
  list_->setItemDelegate(new EntryDelegate(list_));
  list_->setUniformItemSizes(true);
  list_->setFrameShape(QFrame::NoFrame);
  list_->setFocusPolicy(Qt::NoFocus);
  list_->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  column->addWidget(line_);
  column->addWidget(list_);
  line_->installEventFilter(this);
  connect(line_, &QLineEdit::textChanged, this, &CommandPalette::fill);
  connect(list_, &QListWidget::itemClicked, this, &CommandPalette::run_current);
  resize(640, 62 + kRowsShown * 30);
  fill();
}

void CommandPalette::fill() {
  std::vector<std::pair<int, std::size_t>> hits;
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    const auto& entry = entries_[i];
    const int by_title = match_score(line_->text(), entry.title);
    const int by_more = match_score(line_->text(), entry.title + QLatin1Char(' ') + entry.group + QLatin1Char(' ') + entry.keywords);
    if (const int score = std::max(by_title * 2, by_more)) hits.emplace_back(entry.enabled ? score : 0, i);
  }
  std::stable_sort(hits.begin(), hits.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
  list_->clear();
  for (const auto& [score, i] : hits) {
    auto* item = new QListWidgetItem(entries_[i].title, list_);
    item->setData(kGroupRole, entries_[i].group);
    item->setData(kShortcutRole, entries_[i].shortcut);
    item->setData(kEntryRole, static_cast<qulonglong>(i));
    if (!entries_[i].enabled) item->setFlags(Qt::NoItemFlags);
  }
  list_->setCurrentRow(0);
}

void CommandPalette::run_current() {
  const auto* item = list_->currentItem();
  if (!item || !(item->flags() & Qt::ItemIsEnabled)) return;
  const auto run = entries_[item->data(kEntryRole).toULongLong()].run;
  accept();
  if (run) run();
}

QStringList CommandPalette::shown() const {
  QStringList out;
  for (int i = 0; i < list_->count(); ++i) out << list_->item(i)->text();
  return out;
}

bool CommandPalette::eventFilter(QObject* watched, QEvent* event) {
  if (watched == line_ && event->type() == QEvent::KeyPress) {
    const auto* key = static_cast<QKeyEvent*>(event);
    const int row = list_->currentRow();
    switch (key->key()) {
      case Qt::Key_Down: list_->setCurrentRow(std::min(row + 1, list_->count() - 1)); return true;
      case Qt::Key_Up: list_->setCurrentRow(std::max(row - 1, 0)); return true;
      case Qt::Key_PageDown: list_->setCurrentRow(std::min(row + kRowsShown, list_->count() - 1)); return true;
      case Qt::Key_PageUp: list_->setCurrentRow(std::max(row - kRowsShown, 0)); return true;
      case Qt::Key_Return: case Qt::Key_Enter: run_current(); return true;
      default: break;
    }
  }
  return QDialog::eventFilter(watched, event);
}

void CommandPalette::showEvent(QShowEvent* event) {
  QDialog::showEvent(event);
  if (const QWidget* over = parentWidget()) {
    const QRect area = over->window()->geometry();
    move(area.center().x() - width() / 2, area.top() + std::max(60, area.height() / 8));
  }
  line_->setFocus();
}

}  // namespace vitrine::app
