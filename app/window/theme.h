#pragma once

#include <QString>

class QApplication;

namespace vitrine::app {

/// The theme of `views/panels/style.h` and, on top, what only the main window has: docks, tabs, tool bar, status bar.
void apply_window_theme(QApplication& application, bool dark);

}  // namespace vitrine::app
