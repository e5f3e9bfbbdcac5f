#pragma once

#include <functional>

#include <QAbstractItemView>
#include <QAbstractButton>
#include <QComboBox>
#include <QKeySequence>
#include <QPoint>
#include <QString>
#include <QTreeWidget>
#include <QWidget>

class QMainWindow;

/// What a person's hands do: the pointer and the keys, on widgets that are on the screen. Nothing here calls a slot.
/// Each says what was wrong (not on the screen, no such entry) and is empty where all went well.
namespace vitrine::test {

/// Turns the event loop until `done` holds; false after `patience_ms`.
[[nodiscard]] bool wait_for(const std::function<bool()>& done, int patience_ms = 60'000);

QString click(QWidget* widget, QPoint at, Qt::KeyboardModifiers modifiers = {});
/// In the middle.
QString click(QWidget* widget);
/// The item is scrolled to first, as a person would.
QString click_item(QAbstractItemView* view, const QModelIndex& index, bool twice = false);
/// The check box before the text.
QString click_check_box(QTreeWidget* tree, QTreeWidgetItem* item);
/// The tab of a dock that stands behind others.
QString click_tab(QMainWindow* window, const QString& title);
/// Moves the pointer itself; the display server delivers the move later, so wait for what it should cause.
QString point_at(QWidget* widget, QPointF at);

/// To the widget that has the keyboard focus.
QString type(const QString& text);
QString press(const QKeySequence& keys);
/// Clicks into a field and writes over all that stands in it.
QString write_over(QWidget* field, const QString& text);

/// Opens a button's menu and clicks the entry that begins with `entry`.
QString choose(QAbstractButton* button, const QString& entry);
/// Opens a combo box and types the entry.
QString choose_from(QComboBox* box, const QString& entry);
/// Does `opens`, waits for the file dialog that it brings up, types the path into it and presses Enter.
QString answer_file_dialog(const QString& path, const std::function<QString()>& opens);

}  // namespace vitrine::test
