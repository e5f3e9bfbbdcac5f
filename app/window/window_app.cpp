#include "app/window/window_app.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <vector>

#include <QApplication>
#include <QFile>
#include <QSettings>
#include <QStandardPaths>
#include <QTimer>

#include "app/jobs/apply.h"
#include "app/window/banner.h"
#include "app/window/library.h"
#include "app/window/main_window.h"
#include "app/window/screenshot.h"
#include "engine/core/version.h"
#include "views/panels/panels.h"

namespace vitrine::app {

namespace {

/// The fourth door: what a handler of an event throws ends here.
class Application : public QApplication {
 public:
  using QApplication::QApplication;
  bool notify(QObject* receiver, QEvent* event) override {
    try {
      return QApplication::notify(receiver, event);
    } catch (const std::exception& e) {
      report(e.what());
    } catch (...) {
      report("an unknown exception");
    }
    return true;
  }

 private:
  static void report(const char* what) {
    const QString sentence = QStringLiteral("A defect of the program was caught: %1").arg(QLatin1String(what));
    std::fprintf(stderr, "vitrine: %s\n", qPrintable(sentence));
    for (QWidget* widget : topLevelWidgets())
      if (auto* window = qobject_cast<MainWindow*>(widget)) window->banner().show_error(sentence);
  }
};

bool has_display() {
  for (const char* name : {"DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"})
    if (const char* value = std::getenv(name); value && *value) return true;
  return false;
}

/// Replaces this process by itself under a virtual X server, which unlike Qt's offscreen platform has OpenGL.
/// Returns only if there is none.
void start_again_under_xvfb(int argc, char** argv, const WindowOptions& options) {
  if (std::getenv("VITRINE_UNDER_XVFB")) return;
  if (QStandardPaths::findExecutable(QStringLiteral("xvfb-run")).isEmpty()) return;
  ::setenv("VITRINE_UNDER_XVFB", "1", 1);
  const std::string screen = "-screen 0 " + std::to_string(std::max(options.width, 640)) + "x" +
                             std::to_string(std::max(options.height, 480)) + "x24";
  std::vector<std::string> words = {"xvfb-run", "-a", "-s", screen, "/proc/" + std::to_string(::getpid()) + "/exe"};
  if (const QString self = QFile::symLinkTarget(QStringLiteral("/proc/self/exe")); !self.isEmpty()) words.back() = self.toStdString();
  for (int i = 1; i < argc; ++i) words.emplace_back(argv[i]);
  std::vector<char*> raw;
  for (auto& word : words) raw.push_back(word.data());
  raw.push_back(nullptr);
  ::execvp(raw[0], raw.data());
}

/// Takes the picture, or says what kept it from being taken, and leaves.
void arrange_screenshot(MainWindow& window, const WindowOptions& options) {
  const auto leave = [&window](const QString& sentence) {
    std::fprintf(stderr, "vitrine: %s\n", qPrintable(sentence));
    QTimer::singleShot(0, qApp, [] { QApplication::exit(3); });
    window.setEnabled(false);
  };
  QObject::connect(&window.host(), &WindowHost::refused, &window, leave);
  if (!window.banner().sentence().isEmpty()) leave(window.banner().sentence());
  auto* shot = new Screenshot(window, QString::fromStdString(options.screenshot), [&window] { return window.busy(); }, &window);
  QObject::connect(shot, &Screenshot::done, &window, [leave](const QString& problem) {
    if (problem.isEmpty())
      QApplication::exit(0);
    else
      leave(problem);
  });
}

void open_what_was_asked(MainWindow& window, const WindowOptions& options) {
  if (!options.session.empty())
    window.open_session(QString::fromStdString(options.session));
  else if (!options.model.empty())
    window.open_at_start(QString::fromStdString(options.model), options.input);
  else if (options.screenshot.empty())
    window.offer_recovery();
}

}  // namespace

void prepare_application() {
  QApplication::setOrganizationName(QStringLiteral("vitrine"));
  QApplication::setApplicationName(QStringLiteral("vitrine"));
  QApplication::setApplicationVersion(QString::fromStdString(engine::version()));
  QSettings::setDefaultFormat(QSettings::IniFormat);
}

int run_window(int argc, char** argv, const WindowOptions& options) {
  if (!has_display()) {
    if (!options.screenshot.empty()) start_again_under_xvfb(argc, argv, options);
    std::fprintf(stderr, "vitrine: the window needs a display%s\n",
                 options.screenshot.empty() ? "; --screenshot OUT.png draws it without one" : " or Xvfb (package xvfb), and found neither");
    return 2;
  }
  prepare_application();
  Application application(argc, argv);
  engine::PluginSet plugins = engine::load_plugins();
  if (const auto added = add_appliers(plugins.compressions, plugins.analyses); !added)
    std::fprintf(stderr, "vitrine: %s\n", engine::sentence(added.error()).c_str());
  const bool shot = !options.screenshot.empty();
  MainWindow window({make_workspace_backend(plugins.analyses), views::make_panels, plugins.plugins,
                     shot ? std::filesystem::path() : state_folder()});
  if (!options.theme.empty()) window.set_theme(options.theme != "light");
  window.resize(options.width, options.height);
  if (!shot) window.restoreGeometry(QSettings().value(QStringLiteral("window")).toByteArray());
  window.show();
  open_what_was_asked(window, options);
  if (shot) arrange_screenshot(window, options);
  return QApplication::exec();
}

}  // namespace vitrine::app
