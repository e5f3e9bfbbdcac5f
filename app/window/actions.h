#pragma once

#include <functional>
#include <vector>

#include <QAction>
#include <QKeySequence>
#include <QString>
#include <QWidget>

namespace vitrine::app {

/// Everything the window can do, once: menus, tool bar, palette and the shortcut sheet all read this list.
class ActionTable {
 public:
  struct Row {
    QString id;        ///< stable: tests and the palette's history use it
    QString group;     ///< the menu it stands in
    QAction* action = nullptr;
  };

  explicit ActionTable(QWidget* window) : window_(window) {}

  /// @param shortcut empty: none
  QAction* add(const QString& id, const QString& group, const QString& text, const QKeySequence& shortcut,
               std::function<void()> act);
  [[nodiscard]] QAction* find(const QString& id) const;
  [[nodiscard]] const std::vector<Row>& rows() const { return rows_; }

 private:
  QWidget* window_;
  std::vector<Row> rows_;
};

/// The text of an action without its mnemonic.
[[nodiscard]] QString plain_text(const QAction& action);

}  // namespace vitrine::app
