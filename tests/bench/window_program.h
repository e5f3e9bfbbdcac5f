#pragma once

#include <algorithm>
#include <vector>

#include <QApplication>
#include <QElapsedTimer>
#include <QEventLoop>
#include <QTemporaryDir>
#include <QTimer>

#include "app/window/main_window.h"
#include "app/window/window_app.h"
#include "engine/plugin/loader.h"
#include "views/panels/panels.h"

namespace vitrine::bench {

/// A home of this process alone: nobody's settings, arrangement or recent files count in a measurement.
class PrivateHome {
 public:
  PrivateHome() {
    for (const char* name : {"XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"}) qputenv(name, folder_.filePath(QLatin1String(name)).toUtf8());
  }
  [[nodiscard]] QString path() const { return folder_.path(); }

 private:
  QTemporaryDir folder_;
};

/// The program around a window that is measured: what `vitrine` does before it opens one.
class WindowProgram {
 public:
  WindowProgram(int& argc, char** argv) : application_((app::prepare_application(), argc), argv), plugins(engine::load_plugins()) {}
  /// What a main window is made of.
  [[nodiscard]] app::WindowServices services() const { return {app::make_workspace_backend(plugins.analyses), views::make_panels, plugins.plugins, {}}; }
  [[nodiscard]] std::string home() const { return home_.path().toStdString(); }

 private:
  PrivateHome home_;
  QApplication application_;

 public:
  const engine::PluginSet plugins;
};

/// Runs the window until the condition holds. @param longest ms
/// @return whether it came to hold
template <class Condition>
bool wait_for(Condition condition, qint64 longest = 60'000) {
  QElapsedTimer clock;
  clock.start();
  QTimer looks_again;   // so that the wait for events ends
  looks_again.start(1000);
  while (!condition()) {
    if (clock.elapsed() > longest) return false;
    QCoreApplication::processEvents(QEventLoop::WaitForMoreEvents);
  }
  return true;
}

/// @param q 0: the smallest, 1: the largest
/// @return -1 of nothing
inline double quantile(std::vector<double> v, double q) {
  if (v.empty()) return -1;
  std::sort(v.begin(), v.end());
  return v[std::min(v.size() - 1, static_cast<std::size_t>(q * static_cast<double>(v.size())))];
}

}  // namespace vitrine::bench
