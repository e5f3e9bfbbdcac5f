#pragma once

#include <vector>

#include <QAbstractListModel>
#include <QWidget>

#include "app/jobs/session_keeper.h"

class QListView;
class QToolButton;

namespace vitrine::app {

/// A row of the journal: one act, its dot, and the lines through the row.
struct JournalRow {
  /// From a lane at the top edge to a lane at the bottom edge; both ends -1 at the dot.
  struct Line {
    int from = -1, to = -1;
    bool on_path = false;           ///< leads to the main cursor
    bool beside = false;            ///< leads to the second cursor
  };
  StepId id = 0;
  int lane = 0;
  int parent_row = -1;
  std::vector<Line> lines;
  bool on_path = false;             ///< between the root and the main cursor
  bool beside = false;              ///< between the root and the second cursor
};

/// Rows in the order the acts were made; the first child keeps its parent's lane, the others open a new one, which
/// leaves the parent where the parent is.
[[nodiscard]] std::vector<JournalRow> journal_rows(const Journal& journal);

class JournalModel : public QAbstractListModel {
  Q_OBJECT
 public:
  enum Role { IdRole = Qt::UserRole + 1, RowRole };
  explicit JournalModel(SessionKeeper& keeper, QObject* parent = nullptr);
  int rowCount(const QModelIndex& parent = {}) const override;
  QVariant data(const QModelIndex& index, int role) const override;
  [[nodiscard]] const JournalRow& row(int i) const { return rows_[static_cast<std::size_t>(i)]; }
  [[nodiscard]] const SessionKeeper& keeper() const { return keeper_; }
  [[nodiscard]] int row_of(StepId id) const;

 private:
  void rebuild();
  SessionKeeper& keeper_;
  std::vector<JournalRow> rows_;
};

/// The journal as a tree of acts: Return or double click goes there, B names a branch, C puts it beside.
class JournalView : public QWidget {
  Q_OBJECT
 public:
  JournalView(SessionKeeper& keeper, const QList<QAction*>& actions, QWidget* parent = nullptr);
  /// The step of the selected row, or the current one.
  [[nodiscard]] StepId chosen() const;
  [[nodiscard]] QStringList texts() const;
  QSize sizeHint() const override { return {340, 280}; }

 signals:
  void name_asked(vitrine::app::StepId id);
  void compare_asked(vitrine::app::StepId id);
  void refused(const QString& sentence);

 protected:
  bool eventFilter(QObject* watched, QEvent* event) override;

 private:
  void go_to_chosen();
  void open_menu(const QPoint& at);

  SessionKeeper& keeper_;
  JournalModel* model_;
  QListView* list_;
};

}  // namespace vitrine::app
