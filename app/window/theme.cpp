#include "app/window/theme.h"

#include <QApplication>

#include "views/panels/style.h"

namespace vitrine::app {

namespace {

constexpr const char* kSheet = R"(
QMainWindow { background: @window; }
QMainWindow::separator { background: @window; width: 5px; height: 5px; }
QMainWindow::separator:hover { background: @accent; }
QDockWidget { color: @muted; titlebar-close-icon: none; }
QDockWidget::title { background: @window; padding: 5px 8px; text-align: left; border-bottom: 1px solid @line; }
QTabBar { background: @window; qproperty-drawBase: 0; }
QTabBar::tab { background: @window; color: @muted; padding: 5px 12px; border: none; border-bottom: 2px solid transparent; }
QTabBar::tab:selected { color: @text; border-bottom: 2px solid @accent; }
QTabBar::tab:hover { color: @text; }
QMenuBar { background: @window; color: @text; border-bottom: 1px solid @line; padding: 1px 4px; }
QMenuBar::item { padding: 4px 9px; background: transparent; border-radius: 3px; }
QMenuBar::item:selected { background: @raised; }
QToolBar { background: @window; border: none; border-bottom: 1px solid @line; padding: 3px 6px; spacing: 2px; }
QToolBar QToolButton { background: transparent; border: 1px solid transparent; border-radius: 4px; padding: 4px; color: @text; }
QToolBar QToolButton:hover { background: @raised; }
QToolBar QToolButton:checked { color: @text; background: @raised; border-color: @line; }
QToolBar QToolButton:focus { border-color: @accent; }
QToolBar::separator { background: @line; width: 1px; margin: 5px 6px; }
QStatusBar { background: @window; color: @muted; border-top: 1px solid @line; }
QStatusBar::item { border: none; }
QStatusBar QLabel { color: @muted; }
QProgressBar { background: @line; border: none; border-radius: 3px; }
QProgressBar::chunk { background: @accent; border-radius: 3px; }
QDialog { background: @window; }
#command_palette { background: @raised; border: 1px solid @line; }
#command_palette QListWidget { background: transparent; border: none; }
#start_page QListWidget { background: transparent; border: none; }
)";

}  // namespace

void apply_window_theme(QApplication& application, bool dark) {
  views::apply_theme(application, dark);
  const views::Shades s = views::shades(application.palette());
  QString sheet = QString::fromUtf8(kSheet);
  sheet.replace("@accent", s.accent.name());
  sheet.replace("@window", s.window.name());
  sheet.replace("@raised", s.raised.name());
  sheet.replace("@line", s.line.name());
  sheet.replace("@muted", s.muted.name());
  sheet.replace("@text", s.text.name());
  application.setStyleSheet(application.styleSheet() + sheet);
}

}  // namespace vitrine::app
