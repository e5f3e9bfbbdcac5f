#pragma once

#include <initializer_list>
#include <memory>

#include <QTemporaryDir>
#include <QTest>

#include "app/window/main_window.h"
#include "app/window/workbench.h"
#include "engine/plugin/loader.h"
#include "hands.h"
#include "views/panels/frame.h"

namespace vitrine::test {

/// Fails the running test with the sentence that an act of `hands.h` gives back.
#define VITRINE_DO(act)                                                     \
  do {                                                                      \
    const QString problem_ = (act);                                         \
    QVERIFY2(problem_.isEmpty(), qPrintable(#act ": " + problem_));         \
  } while (false)

/// Every plugin, loaded once a process, compressions as analyses among them.
const engine::PluginSet& all_plugins();

/// The main window with the real engine, plugins and panels, shown and active.
class RealWindow {
 public:
  explicit RealWindow(QSize size = {1600, 1000});
  ~RealWindow();

  app::MainWindow& operator*() { return *window_; }
  app::MainWindow* operator->() { return window_.get(); }
  views::FramedPanel* panel(const QString& id);
  /// A control of a panel by its object name.
  template <class W>
  W* in(const QString& panel_id, const QString& name) {
    QWidget* owner = panel(panel_id);
    if (!owner) return nullptr;
    for (QWidget* child : owner->findChildren<QWidget*>(name))
      if (auto* found = dynamic_cast<W*>(child)) return found;
    return nullptr;
  }
  /// Waits until the input is prepared and these panels show the answers to what they last asked. What other panels
  /// compute in the background (a ranking) is not waited for.
  [[nodiscard]] bool settle(std::initializer_list<const char*> panels);

  /// On the start page: clicks a demo and waits until its sample is on the screen.
  [[nodiscard]] QString open_demo(const QString& name);
  /// Brings the tab of a panel to the front with the mouse, or leaves it there.
  [[nodiscard]] QString show_panel(const QString& id);
  /// Sentences with which something was refused, oldest first.
  [[nodiscard]] const QStringList& refusals() const { return refused_; }

 private:
  QStringList refused_;
  std::unique_ptr<app::MainWindow> window_;
};

/// What stands in a report's table on the screen: a line a row, hidden columns left out.
QStringList rows_on_screen(const QAbstractItemView& view);
/// The text of a line that may be cut short on the screen; "" if there is none.
QString line_text(const QWidget* label);

/// `main` of a program with the real window: settings of its own, OpenGL as in the product, Qt's own file dialogs.
int run_real(int argc, char** argv, const std::function<std::unique_ptr<QObject>()>& make_test);

}  // namespace vitrine::test
