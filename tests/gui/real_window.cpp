#include "real_window.h"

#include <QApplication>
#include <QDockWidget>
#include <QListWidget>
#include <QTableView>

#include "app/jobs/apply.h"
#include "app/window/start_page.h"
#include "app/window/window_app.h"
#include "views/panels/controls.h"
#include "views/panels/panels.h"

namespace vitrine::test {

const engine::PluginSet& all_plugins() {
  static const engine::PluginSet kPlugins = [] {
    engine::PluginSet set = engine::load_plugins();
    for (const auto& plugin : set.plugins)
      if (!plugin.active) qWarning("plugin %s: %s", plugin.folder.c_str(), plugin.message.c_str());
    if (const auto added = app::add_appliers(set.compressions, set.analyses); !added)
      qWarning("%s", engine::sentence(added.error()).c_str());
    return set;
  }();
  return kPlugins;
}

RealWindow::RealWindow(QSize size)
    : window_(std::make_unique<app::MainWindow>(
          app::WindowServices{app::make_workspace_backend(all_plugins().analyses), views::make_panels, all_plugins().plugins, {}})) {
  QObject::connect(&window_->host(), &app::WindowHost::refused, window_.get(),
                   [this](const QString& sentence) { refused_ << sentence; });
  window_->resize(size);
  window_->show();
  window_->activateWindow();
  if (!QTest::qWaitForWindowActive(window_.get())) qWarning("the window did not become active");
}

RealWindow::~RealWindow() = default;

views::FramedPanel* RealWindow::panel(const QString& id) {
  QDockWidget* dock = window_->bench().dock(id);
  return dock ? qobject_cast<views::FramedPanel*>(dock->widget()) : nullptr;
}

bool RealWindow::settle(std::initializer_list<const char*> panels) {
  int quiet = 0;
  return wait_for([&] {
    bool waits = window_->host().settling();
    for (const char* id : panels) waits |= !panel(QLatin1String(id))->waiting().empty();
    // A panel asks one turn of the loop after it was told of a change.
    quiet = waits ? 0 : quiet + 1;
    return quiet > 3;
  });
}

QString RealWindow::open_demo(const QString& name) {
  auto* page = window_->findChild<app::StartPage*>();
  auto* list = page ? page->findChild<QListWidget*>(QStringLiteral("demos")) : nullptr;
  if (!list || !list->isVisible()) return QStringLiteral("the list of demos is not on the screen");
  const QString path = QStringLiteral("demo:") + name;
  for (int i = 0; i < list->count(); ++i) {
    if (list->item(i)->toolTip() != path) continue;
    if (QString problem = click_item(list, list->model()->index(i, 0)); !problem.isEmpty()) return problem;
    if (!wait_for([this] { return (window_->host().model() && window_->host().input()) || !refused_.isEmpty(); }))
      return QStringLiteral("%1 did not open").arg(path);
    return refused_.join(QLatin1Char('\n'));
  }
  return QStringLiteral("%1 is not in the list").arg(path);
}

QString RealWindow::show_panel(const QString& id) {
  QDockWidget* dock = window_->bench().dock(id);
  if (!dock) return QStringLiteral("there is no panel %1").arg(id);
  // Behind other tabs a dock counts as visible, but nothing of it can be seen.
  const auto in_front = [dock] { return dock->isVisible() && !dock->visibleRegion().isEmpty(); };
  if (in_front()) return {};
  if (QString problem = click_tab(&window_->bench(), dock->windowTitle()); !problem.isEmpty()) return problem;
  return wait_for(in_front, 5000) ? QString() : QStringLiteral("panel %1 did not come up").arg(id);
}

QStringList rows_on_screen(const QAbstractItemView& view) {
  const QAbstractItemModel& model = *view.model();
  const auto* table = qobject_cast<const QTableView*>(&view);
  QStringList rows;
  for (int r = 0; r < model.rowCount(view.rootIndex()); ++r) {
    QStringList cells;
    for (int c = 0; c < model.columnCount(view.rootIndex()); ++c)
      if (!table || !table->isColumnHidden(c)) cells << model.index(r, c, view.rootIndex()).data().toString();
    rows << cells.join(QStringLiteral(" | "));
  }
  return rows;
}

QString line_text(const QWidget* label) {
  if (const auto* elided = dynamic_cast<const views::ElidedLabel*>(label)) return elided->text();
  const auto* plain = qobject_cast<const QLabel*>(label);
  return plain ? plain->text() : QString();
}

int run_real(int argc, char** argv, const std::function<std::unique_ptr<QObject>()>& make_test) {
  QTemporaryDir home;
  for (const char* name : {"XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"})
    qputenv(name, home.filePath(QLatin1String(name)).toUtf8());
  app::prepare_application();
  QApplication::setAttribute(Qt::AA_DontUseNativeDialogs);
  QApplication application(argc, argv);
  const auto test = make_test();
  return QTest::qExec(test.get(), argc, argv);
}

}  // namespace vitrine::test
