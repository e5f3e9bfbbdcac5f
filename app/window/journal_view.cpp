#include "app/window/journal_view.h"

#include <algorithm>
#include <map>
#include <set>

#include <QAction>
#include <QApplication>
#include <QDateTime>
#include <QHBoxLayout>
#include <QKeyEvent>
#include <QListView>
#include <QMenu>
#include <QPainter>
#include <QPainterPath>
#include <QStyledItemDelegate>
#include <QToolButton>
#include <QVBoxLayout>

#include "views/panels/style.h"

namespace vitrine::app {

namespace {

constexpr int kLane = 14;
constexpr int kRowHeight = 26;

/// Tree lines and dot, description, branch name, time.
class StepDelegate : public QStyledItemDelegate {
 public:
  explicit StepDelegate(const JournalModel& model, QObject* parent) : QStyledItemDelegate(parent), model_(model) {}
  QSize sizeHint(const QStyleOptionViewItem&, const QModelIndex&) const override { return {160, kRowHeight}; }

  void paint(QPainter* painter, const QStyleOptionViewItem& option, const QModelIndex& index) const override {
    painter->save();
    painter->setRenderHint(QPainter::Antialiasing);
    const views::Shades s = views::shades(QApplication::palette());
    const JournalRow& row = model_.row(index.row());
    if (option.state & QStyle::State_Selected) {
      QColor fill = s.accent;
      fill.setAlpha(s.dark ? 60 : 36);
      painter->fillRect(option.rect, fill);
    }
    draw_lines(*painter, option.rect, row, s);
    draw_words(*painter, option, index, row, s);
    painter->restore();
  }

 private:
  static double x_of(const QRect& box, int lane) { return box.left() + 14 + lane * kLane; }

  void draw_lines(QPainter& painter, const QRect& box, const JournalRow& row, const views::Shades& s) const {
    const double middle = box.center().y() + 0.5;
    painter.setPen(QPen(s.line, 1.5));
    for (int lane : row.passing) painter.drawLine(QPointF(x_of(box, lane), box.top()), QPointF(x_of(box, lane), box.bottom() + 1));
    const Step* step = model_.keeper().journal().find(row.id);
    if (row.parent_row >= 0) {
      QPainterPath path(QPointF(x_of(box, row.parent_lane), box.top()));
      const QPointF dot(x_of(box, row.lane), middle);
      path.cubicTo(QPointF(x_of(box, row.parent_lane), middle), QPointF(dot.x(), box.top()), dot);
      painter.setPen(QPen(row.on_path ? s.accent : s.line, 1.5));
      painter.drawPath(path);
    }
    if (step && !step->children.empty()) {
      const bool active = row.on_path && model_.keeper().journal().at() != row.id;
      painter.setPen(QPen(active ? s.accent : s.line, 1.5));
      painter.drawLine(QPointF(x_of(box, row.lane), middle), QPointF(x_of(box, row.lane), box.bottom() + 1));
    }
    const bool current = model_.keeper().journal().at() == row.id;
    painter.setPen(QPen(row.on_path ? s.accent : s.muted, 1.5));
    painter.setBrush(current ? s.accent : s.base);
    painter.drawEllipse(QPointF(x_of(box, row.lane), middle), current ? 4.5 : 3.5, current ? 4.5 : 3.5);
  }

  void draw_words(QPainter& painter, const QStyleOptionViewItem& option, const QModelIndex& index, const JournalRow& row,
                  const views::Shades& s) const {
    const auto& journal = model_.keeper().journal();
    int lanes = row.lane;
    for (int lane : row.passing) lanes = std::max(lanes, lane);
    QRect box = option.rect.adjusted(14 + lanes * kLane + 14, 0, -8, 0);
    const auto badge = [&](const QString& text, const QColor& colour) {
      const int width = option.fontMetrics.horizontalAdvance(text) + 12;
      const QRectF at(box.right() - width, box.center().y() - 8.5, width, 18);
      painter.setPen(QPen(colour, 1));
      painter.setBrush(Qt::NoBrush);
      painter.drawRoundedRect(at, 4, 4);
      painter.drawText(at, Qt::AlignCenter, text);
      box.setRight(box.right() - width - 6);
    };
    const QString time = index.data(Qt::UserRole).toString();
    painter.setPen(s.faint);
    painter.drawText(box, Qt::AlignRight | Qt::AlignVCenter, time);
    box.setRight(box.right() - (time.isEmpty() ? 0 : option.fontMetrics.horizontalAdvance(time) + 8));
    if (journal.second()) {
      if (journal.second() == row.id) badge(QStringLiteral("B"), s.warn);
      if (journal.at() == row.id) badge(QStringLiteral("A"), s.accent);
    }
    if (const auto name = journal.name_of(row.id); !name.empty())
      badge(option.fontMetrics.elidedText(QString::fromStdString(name), Qt::ElideRight, 120), s.muted);
    QFont font = option.font;
    font.setWeight(journal.at() == row.id ? QFont::DemiBold : QFont::Normal);
    painter.setFont(font);
    painter.setPen(row.on_path ? s.text : s.muted);
    painter.drawText(box, Qt::AlignLeft | Qt::AlignVCenter,
                     QFontMetrics(font).elidedText(index.data(Qt::DisplayRole).toString(), Qt::ElideRight, box.width()));
  }

  const JournalModel& model_;
};

}  // namespace

std::vector<JournalRow> journal_rows(const Journal& journal) {
  std::vector<JournalRow> rows;
  std::map<StepId, int> row_of, last_child_row;
  std::map<StepId, int> lane_of;
  std::set<StepId> path;
  for (StepId id : journal.path(journal.at())) path.insert(id);
  path.insert(0);
  int index = 0;
  for (const auto& [id, step] : journal.steps()) row_of[id] = index++;
  for (const auto& [id, step] : journal.steps())
    if (!step.children.empty()) last_child_row[id] = row_of[step.children.back()];
  // A lane is taken from the row of a step to the row of the last step of its line, or of the last branch off it.
  std::map<int, int> taken_until;
  const auto line_end = [&](StepId id) {
    int end = row_of[id];
    for (const Step* step = journal.find(id); step; step = step->children.empty() ? nullptr : journal.find(step->children.front()))
      end = std::max({end, row_of[step->id], last_child_row.contains(step->id) ? last_child_row[step->id] : 0});
    return end;
  };
  for (const auto& [id, step] : journal.steps()) {
    JournalRow row{id, 0, -1, 0, {}, path.contains(id)};
    const int here = row_of[id];
    if (step.parent >= 0) {
      row.parent_row = row_of[step.parent];
      row.parent_lane = lane_of[step.parent];
      const bool first = journal.find(step.parent)->children.front() == id;
      row.lane = row.parent_lane;
      if (!first)
        for (row.lane = 0; taken_until.contains(row.lane) && taken_until[row.lane] >= here; ++row.lane) {}
    }
    lane_of[id] = row.lane;
    taken_until[row.lane] = std::max(taken_until[row.lane], line_end(id));
    rows.push_back(row);
  }
  // Lines from a parent to a child pass the rows between them in the parent's lane.
  for (const auto& row : rows)
    for (int between = row.parent_row + 1; row.parent_row >= 0 && between < row_of[row.id]; ++between)
      rows[static_cast<std::size_t>(between)].passing.push_back(row.parent_lane);
  for (auto& row : rows) {
    std::sort(row.passing.begin(), row.passing.end());
    row.passing.erase(std::unique(row.passing.begin(), row.passing.end()), row.passing.end());
  }
  return rows;
}

JournalModel::JournalModel(SessionKeeper& keeper, QObject* parent) : QAbstractListModel(parent), keeper_(keeper) {
  connect(&keeper_, &SessionKeeper::changed, this, &JournalModel::rebuild);
  connect(&keeper_, &SessionKeeper::replaced, this, &JournalModel::rebuild);
  rebuild();
}

void JournalModel::rebuild() {
  beginResetModel();
  rows_ = journal_rows(keeper_.journal());
  endResetModel();
}

int JournalModel::rowCount(const QModelIndex& parent) const { return parent.isValid() ? 0 : static_cast<int>(rows_.size()); }

int JournalModel::row_of(StepId id) const {
  for (std::size_t i = 0; i < rows_.size(); ++i)
    if (rows_[i].id == id) return static_cast<int>(i);
  return -1;
}

QVariant JournalModel::data(const QModelIndex& index, int role) const {
  if (!index.isValid() || index.row() >= rowCount()) return {};
  const Step* step = keeper_.journal().find(row(index.row()).id);
  if (!step) return {};
  if (role == IdRole) return static_cast<qlonglong>(step->id);
  if (role == Qt::DisplayRole || role == Qt::ToolTipRole || role == Qt::AccessibleTextRole)
    return step->id == 0 ? QStringLiteral("Start") : QString::fromStdString(describe_command(step->command));
  if (role == Qt::UserRole && step->time_ms > 0)
    return QDateTime::fromMSecsSinceEpoch(step->time_ms).toString(QStringLiteral("HH:mm"));
  return {};
}

JournalView::JournalView(SessionKeeper& keeper, const QList<QAction*>& actions, QWidget* parent)
    : QWidget(parent), keeper_(keeper), model_(new JournalModel(keeper, this)), list_(new QListView) {
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(8, 6, 8, 8);
  column->setSpacing(6);
  auto* bar = new QHBoxLayout;
  bar->setSpacing(2);
  for (QAction* action : actions) {
    auto* button = new QToolButton;
    button->setDefaultAction(action);
    button->setAutoRaise(true);
    bar->addWidget(button);
  }
  bar->addStretch();
  column->addLayout(bar);
  list_->setObjectName(QStringLiteral("journal_list"));
  list_->setAccessibleName(QStringLiteral("Journal of acts"));
  list_->setModel(model_);
  list_->setItemDelegate(new StepDelegate(*model_, this));
  list_->setUniformItemSizes(true);
  list_->setContextMenuPolicy(Qt::CustomContextMenu);
  list_->installEventFilter(this);
  column->addWidget(list_, 1);
  connect(list_, &QListView::doubleClicked, this, &JournalView::go_to_chosen);
  connect(list_, &QListView::customContextMenuRequested, this, &JournalView::open_menu);
  connect(model_, &QAbstractItemModel::modelReset, this, [this] {
    const QModelIndex index = model_->index(model_->row_of(keeper_.journal().at()));
    list_->setCurrentIndex(index);
    list_->scrollTo(index);
  });
}

StepId JournalView::chosen() const {
  const QModelIndex index = list_->currentIndex();
  return index.isValid() ? index.data(JournalModel::IdRole).toLongLong() : keeper_.journal().at();
}

QStringList JournalView::texts() const {
  QStringList out;
  for (int i = 0; i < model_->rowCount(); ++i) out << model_->index(i).data(Qt::DisplayRole).toString();
  return out;
}

void JournalView::go_to_chosen() { keeper_.go_to(chosen()); }

void JournalView::open_menu(const QPoint& at) {
  QMenu menu;
  const StepId id = chosen();
  menu.addAction(QStringLiteral("Go here"), this, [this, id] { keeper_.go_to(id); });
  menu.addAction(QStringLiteral("Name this branch…"), this, [this, id] { emit name_asked(id); });
  if (keeper_.journal().second()) {
    menu.addAction(QStringLiteral("Move the second branch here"), this, [this, id] { emit compare_asked(id); });
    menu.addAction(QStringLiteral("Close the second branch"), this, [this] { keeper_.close_second(); });
  } else {
    menu.addAction(QStringLiteral("Put this beside the current branch"), this, [this, id] { emit compare_asked(id); });
  }
  menu.exec(list_->viewport()->mapToGlobal(at));
}

bool JournalView::eventFilter(QObject* watched, QEvent* event) {
  if (event->type() == QEvent::KeyPress) {
    const auto* key = static_cast<QKeyEvent*>(event);
    if (key->modifiers() == Qt::NoModifier) {
      switch (key->key()) {
        case Qt::Key_Return: case Qt::Key_Enter: go_to_chosen(); return true;
        case Qt::Key_B: emit name_asked(chosen()); return true;
        case Qt::Key_C: emit compare_asked(chosen()); return true;
        default: break;
      }
    }
  }
  return QWidget::eventFilter(watched, event);
}

}  // namespace vitrine::app
