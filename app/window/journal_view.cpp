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
    const QPointF dot(x_of(box, row.lane), box.center().y() + 0.5);
    for (const JournalRow::Line& line : row.lines) {
      const QPointF from = line.from < 0 ? dot : QPointF(x_of(box, line.from), box.top());
      const QPointF to = line.to < 0 ? dot : QPointF(x_of(box, line.to), box.bottom() + 1);
      const double middle = (from.y() + to.y()) / 2;
      QPainterPath path(from);
      path.cubicTo(QPointF(from.x(), middle), QPointF(to.x(), middle), to);
      painter.setPen(QPen(line.on_path ? s.accent : line.beside ? s.warn : s.muted, 1.5));
      painter.setBrush(Qt::NoBrush);
      painter.drawPath(path);
    }
    const auto& journal = model_.keeper().journal();
    const bool current = journal.at() == row.id, second = journal.second() == row.id;
    const QColor ink = row.on_path ? s.accent : row.beside ? s.warn : s.muted;
    painter.setPen(QPen(ink, 1.5));
    painter.setBrush(current ? s.accent : second ? s.warn : s.base);
    painter.drawEllipse(dot, current || second ? 4.5 : 3.5, current || second ? 4.5 : 3.5);
  }

  void draw_words(QPainter& painter, const QStyleOptionViewItem& option, const QModelIndex& index, const JournalRow& row,
                  const views::Shades& s) const {
    const auto& journal = model_.keeper().journal();
    int lanes = row.lane;
    for (const auto& line : row.lines) lanes = std::max({lanes, line.from, line.to});
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
    font.setWeight(journal.at() == row.id || journal.second() == row.id ? QFont::DemiBold : QFont::Normal);
    painter.setFont(font);
    painter.setPen(row.on_path || row.beside ? s.text : s.muted);
    painter.drawText(box, Qt::AlignLeft | Qt::AlignVCenter,
                     QFontMetrics(font).elidedText(index.data(Qt::DisplayRole).toString(), Qt::ElideRight, box.width()));
  }

  const JournalModel& model_;
};

}  // namespace

std::vector<JournalRow> journal_rows(const Journal& journal) {
  std::vector<JournalRow> rows;
  std::map<StepId, int> row_of;
  std::set<StepId> path{0}, beside;
  for (StepId id : journal.path(journal.at())) path.insert(id);
  if (journal.second())
    for (StepId id : journal.path(*journal.second())) beside.insert(id);
  for (const auto& [id, step] : journal.steps()) {
    row_of[id] = static_cast<int>(rows.size());
    rows.push_back({id, 0, -1, {}, path.contains(id), beside.contains(id)});
  }
  // A lane is taken from the row beneath a branch's parent to the last step of its line of first children.
  std::vector<std::vector<std::pair<int, int>>> taken{{}};
  const auto line_end = [&](StepId id) {
    const Step* step = journal.find(id);
    while (!step->children.empty()) step = journal.find(step->children.front());
    return row_of[step->id];
  };
  const auto is_free = [&](std::size_t lane, int from, int to) {
    return std::none_of(taken[lane].begin(), taken[lane].end(), [&](const auto& t) { return t.first <= to && from <= t.second; });
  };
  taken[0].emplace_back(0, line_end(0));
  for (const auto& [id, step] : journal.steps()) {
    if (step.parent < 0) continue;
    const int here = row_of[id], above = row_of[step.parent];
    JournalRow& row = rows[static_cast<std::size_t>(here)];
    const int parent_lane = rows[static_cast<std::size_t>(above)].lane;
    row.lane = parent_lane;
    row.parent_row = above;
    if (journal.find(step.parent)->children.front() != id) {
      std::size_t lane = 0;
      while (lane < taken.size() && !is_free(lane, above + 1, line_end(id))) ++lane;
      if (lane == taken.size()) taken.emplace_back();
      taken[lane].emplace_back(above + 1, line_end(id));
      row.lane = static_cast<int>(lane);
    }
    const auto add = [&](int at, int from, int to) {
      rows[static_cast<std::size_t>(at)].lines.push_back({from, to, row.on_path, row.beside});
    };
    add(above, -1, parent_lane);
    for (int between = above + 1; between < here; ++between) add(between, between == above + 1 ? parent_lane : row.lane, row.lane);
    add(here, here == above + 1 ? parent_lane : row.lane, -1);
  }
  // The path that is worked on is drawn last, over the others.
  for (auto& row : rows)
    std::stable_sort(row.lines.begin(), row.lines.end(),
                     [](const auto& a, const auto& b) { return 2 * a.on_path + a.beside < 2 * b.on_path + b.beside; });
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
