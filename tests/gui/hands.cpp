#include "hands.h"

#include <memory>

#include <QApplication>
#include <QDialogButtonBox>
#include <QElapsedTimer>
#include <QFileDialog>
#include <QLineEdit>
#include <QMainWindow>
#include <QMenu>
#include <QPointer>
#include <QPushButton>
#include <QStyle>
#include <QStyleOptionViewItem>
#include <QTabBar>
#include <QTest>
#include <QTimer>

namespace vitrine::test {

namespace {

constexpr int kTurnMs = 4;
constexpr int kModalPatienceMs = 20'000;

QString name_of(const QWidget* widget) {
  return QStringLiteral("%1 '%2'").arg(QLatin1String(widget->metaObject()->className()), widget->objectName());
}

QString unreachable(const QWidget* widget, QPoint at) {
  if (!widget) return QStringLiteral("there is no such widget");
  if (!widget->isVisible()) return name_of(widget) + QStringLiteral(" is not on the screen");
  if (!widget->isEnabled()) return name_of(widget) + QStringLiteral(" is grey");
  if (!widget->visibleRegion().contains(at))
    return QStringLiteral("%1 of %2 x %3 is covered or cut off at %4, %5").arg(name_of(widget)).arg(widget->width()).arg(widget->height()).arg(at.x()).arg(at.y());
  return {};
}

/// Attempts made from the event loop, also from the loops of menus and dialogs, until one succeeds or time is up.
struct Attempt {
  std::function<bool()> once;
  QElapsedTimer since;
  bool done = false, given_up = false;
};

void keep_trying(const std::shared_ptr<Attempt>& attempt) {
  QTimer::singleShot(kTurnMs, qApp, [attempt] {
    if (attempt->given_up) return;
    if (attempt->once()) {
      attempt->done = true;
      return;
    }
    if (attempt->since.elapsed() < kModalPatienceMs) return keep_trying(attempt);
    attempt->given_up = true;
    if (QWidget* popup = QApplication::activePopupWidget()) popup->close();
    if (auto* dialog = qobject_cast<QDialog*>(QApplication::activeModalWidget())) dialog->reject();
  });
}

std::shared_ptr<Attempt> try_later(std::function<bool()> once) {
  auto attempt = std::make_shared<Attempt>();
  attempt->once = std::move(once);
  attempt->since.start();
  keep_trying(attempt);
  return attempt;
}

}  // namespace

bool wait_for(const std::function<bool()>& done, int patience_ms) {
  QElapsedTimer clock;
  clock.start();
  while (!done()) {
    if (clock.elapsed() > patience_ms) return false;
    QTest::qWait(kTurnMs);
  }
  return true;
}

QString click(QWidget* widget, QPoint at, Qt::KeyboardModifiers modifiers) {
  if (const QString problem = unreachable(widget, at); !problem.isEmpty()) return problem;
  QTest::mouseClick(widget, Qt::LeftButton, modifiers, at);
  return {};
}

QString click(QWidget* widget) { return click(widget, widget ? widget->rect().center() : QPoint()); }

QString click_item(QAbstractItemView* view, const QModelIndex& index, bool twice) {
  if (!index.isValid()) return QStringLiteral("there is no such item");
  view->scrollTo(index);
  const QPoint at = view->visualRect(index).center();
  if (const QString problem = unreachable(view->viewport(), at); !problem.isEmpty()) return problem;
  QTest::mouseClick(view->viewport(), Qt::LeftButton, {}, at);
  if (twice) QTest::mouseDClick(view->viewport(), Qt::LeftButton, {}, at);
  return {};
}

QString click_check_box(QTreeWidget* tree, QTreeWidgetItem* item) {
  if (!item) return QStringLiteral("there is no such item");
  tree->scrollToItem(item);
  QStyleOptionViewItem option;
  option.initFrom(tree);
  option.rect = tree->visualItemRect(item);
  option.features = QStyleOptionViewItem::HasCheckIndicator | QStyleOptionViewItem::HasDisplay;
  option.widget = tree;
  const QPoint box = tree->style()->subElementRect(QStyle::SE_ItemViewItemCheckIndicator, &option, tree).center();
  return click(tree->viewport(), box);
}

QString click_tab(QMainWindow* window, const QString& title) {
  for (QTabBar* bar : window->findChildren<QTabBar*>())
    for (int i = 0; i < bar->count(); ++i)
      if (bar->isVisible() && bar->tabText(i) == title) return click(bar, bar->tabRect(i).center());
  return QStringLiteral("there is no tab '%1'").arg(title);
}

QString point_at(QWidget* widget, QPointF at) {
  if (const QString problem = unreachable(widget, at.toPoint()); !problem.isEmpty()) return problem;
  QTest::mouseMove(widget, at.toPoint());
  return {};
}

QString type(const QString& text) {
  QWidget* focus = QApplication::focusWidget();
  if (!focus) return QStringLiteral("nothing has the keyboard");
  for (const QChar c : text) {
    // Qt Test's own key for a character knows Latin letters only.
    if (c.unicode() < 128) QTest::keyClick(focus, c.toLatin1());
    else QTest::sendKeyEvent(QTest::Click, focus, Qt::Key_unknown, QString(c), Qt::NoModifier);
  }
  return {};
}

QString press(const QKeySequence& keys) {
  QWidget* focus = QApplication::focusWidget() ? QApplication::focusWidget() : QApplication::activeWindow();
  if (!focus) return QStringLiteral("nothing has the keyboard");
  for (int i = 0; i < keys.count(); ++i) QTest::keyClick(focus, keys[static_cast<uint>(i)].key(), keys[static_cast<uint>(i)].keyboardModifiers());
  return {};
}

QString write_over(QWidget* field, const QString& text) {
  if (const QString problem = click(field); !problem.isEmpty()) return problem;
  if (const QString problem = press(QKeySequence(QStringLiteral("Ctrl+A"))); !problem.isEmpty()) return problem;
  return type(text);
}

QString choose(QAbstractButton* button, const QString& entry) {
  QStringList seen;
  const auto attempt = try_later([&seen, entry] {
    auto* menu = qobject_cast<QMenu*>(QApplication::activePopupWidget());
    if (!menu || !menu->isVisible()) return false;
    seen.clear();
    for (QAction* action : menu->actions()) {
      seen << action->text();
      if (!action->isEnabled() || !action->text().startsWith(entry)) continue;
      const QPoint at = menu->actionGeometry(action).center();
      QTest::mouseMove(menu, at);
      QTest::mouseClick(menu, Qt::LeftButton, {}, at);
      return true;
    }
    return false;
  });
  if (const QString problem = click(button); !problem.isEmpty()) {
    attempt->given_up = true;
    return problem;
  }
  if (!wait_for([&] { return attempt->done || attempt->given_up; }) || attempt->given_up)
    return QStringLiteral("no entry '%1' in the menu: %2").arg(entry, seen.join(QStringLiteral(", ")));
  return {};
}

QString choose_from(QComboBox* box, const QString& entry) {
  if (QString problem = click(box); !problem.isEmpty()) return problem;
  if (!wait_for([box] { return box->view()->isVisible(); }, 5000)) return QStringLiteral("the list did not open");
  QTest::keyClicks(box->view(), entry);
  QTest::keyClick(box->view(), Qt::Key_Return);
  return box->currentText() == entry ? QString() : QStringLiteral("chose %1 instead of %2").arg(box->currentText(), entry);
}

QString answer_file_dialog(const QString& path, const std::function<QString()>& opens) {
  QPointer<QWidget> before = QApplication::activeWindow();
  const auto attempt = try_later([path, written = false]() mutable {
    auto* dialog = qobject_cast<QFileDialog*>(QApplication::activeModalWidget());
    auto* line = dialog ? dialog->findChild<QLineEdit*>(QStringLiteral("fileNameEdit")) : nullptr;
    if (!line || !line->isVisible()) return written;
    written = true;
    if (line->text() != path) {
      QTest::keyClick(line, Qt::Key_A, Qt::ControlModifier);
      QTest::keyClicks(line, path);
      return false;
    }
    // The dialog reads folders in the background. Meanwhile it may forget what was typed; then its list of completions
    // comes up and takes the keys; and its button stays grey for a folder that it had not read when the name was typed.
    auto* buttons = dialog->findChild<QDialogButtonBox*>();
    const bool grey = buttons && !buttons->buttons().isEmpty() && !buttons->buttons().front()->isEnabled();
    if (QWidget* completions = QApplication::activePopupWidget()) {
      QTest::keyClick(completions, Qt::Key_Escape);
    } else if (grey) {
      QTest::keyClick(line, Qt::Key_Backspace);
      QTest::keyClicks(line, path.right(1));
    } else {
      QTest::keyClick(line, Qt::Key_Return);
    }
    return false;
  });
  if (const QString problem = opens(); !problem.isEmpty()) {
    attempt->given_up = true;
    return problem;
  }
  if (!wait_for([&] { return attempt->done || attempt->given_up; }) || attempt->given_up)
    return QStringLiteral("no file dialog came up, or it did not take %1").arg(path);
  // A window manager gives the keyboard back; a bare display server has none.
  if (before) before->activateWindow();
  if (before && !wait_for([&] { return QApplication::activeWindow() == before; }, 5000))
    return QStringLiteral("the window did not get the keyboard back from the file dialog");
  return {};
}

}  // namespace vitrine::test
