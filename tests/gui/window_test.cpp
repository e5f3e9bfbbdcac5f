#include <sys/fsuid.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

#include <filesystem>
#include <set>

#include <QApplication>
#include <QDockWidget>
#include <QFile>
#include <QLineEdit>
#include <QListWidget>
#include <QImage>
#include <QMenu>
#include <QMenuBar>
#include <QSettings>
#include <QStackedWidget>
#include <QTemporaryDir>
#include <QTest>

#include "app/window/banner.h"
#include "app/window/journal_view.h"
#include "app/window/main_window.h"
#include "app/window/palette.h"
#include "app/window/screenshot.h"
#include "app/window/start_page.h"
#include "app/window/workbench.h"
#include "window_fake.h"

using namespace vitrine;
using app::MainWindow;

namespace {

nlohmann::json zero(int layer, int head) {
  return {{"do", "edit"},
          {"edits", nlohmann::json::array({{{"site", "blocks." + std::to_string(layer) + ".attn.hook_z"},
                                            {"select", {{"head", nlohmann::json::array({head})}}},
                                            {"op", "zero"}}})}};
}

nlohmann::json text(const char* value) { return {{"do", "set_input"}, {"text", value}}; }

}  // namespace

class WindowTest : public QObject {
  Q_OBJECT
 private slots:
  void init();
  void the_start_page_shows_what_can_be_opened();
  void opening_shows_panels_with_numbers();
  void undo_redo_and_branches_are_followed_by_every_panel();
  void two_branches_stand_side_by_side();
  void save_and_reopen_gives_the_same_window();
  void what_was_not_saved_is_offered_at_the_next_start();
  void a_full_disk_leaves_the_old_file_and_is_said();
  void a_folder_that_cannot_be_written_is_said();
  void acts_during_a_full_disk_are_saved_once_it_has_room();
  void a_file_is_not_opened_a_third_time_after_two_crashes();
  void refusals_are_one_sentence_and_leave_the_journal();
  void an_error_goes_with_what_is_done_after_it();
  void nothing_freezes_while_both_cores_are_busy();
  void stop_ends_the_work();
  void every_action_has_a_way_and_no_two_share_a_key();
  void the_palette_finds_by_parts_of_words();
  void presets_place_every_panel_that_they_name();
  void the_job_repeats_what_is_shown();
  void the_picture_is_the_window();

 private:
  std::unique_ptr<MainWindow> make(const std::filesystem::path& autosave = {});
  static NumberPanel* panel(MainWindow& window, const char* id) {
    auto* dock = window.bench().dock(QLatin1String(id));
    return dock ? qobject_cast<NumberPanel*>(dock->widget()) : nullptr;
  }
  static void trigger(MainWindow& window, const char* id) { window.actions().find(QLatin1String(id))->trigger(); }
  static void rest(MainWindow& window) { QTRY_VERIFY_WITH_TIMEOUT(!window.busy() && window.client().pending() == 0, 20000); }
  /// A model, a text of four bytes and one edit: 104.
  static void prepare(MainWindow& window) {
    window.open_model(QStringLiteral("fake:one"));
    window.host().act(text("abcd"));
    rest(window);
    window.host().act(zero(0, 1));
    rest(window);
  }

  std::shared_ptr<FakeBackend> backend_;
  QTemporaryDir folder_;
};

void WindowTest::init() {
  QSettings().clear();
  backend_ = std::make_shared<FakeBackend>();
}

std::unique_ptr<MainWindow> WindowTest::make(const std::filesystem::path& autosave) {
  auto window = std::make_unique<MainWindow>(app::WindowServices{backend_, fake_panels, {}, autosave});
  window->host().set_samples(false);
  window->resize(1600, 1000);
  window->show();
  if (!QTest::qWaitForWindowExposed(window.get())) QTest::qFail("the window was not shown", __FILE__, __LINE__);
  return window;
}

void WindowTest::the_start_page_shows_what_can_be_opened() {
  auto window = make();
  auto* page = window->findChild<app::StartPage*>();
  QVERIFY(page && page->isVisible());
  QCOMPARE(window->windowTitle(), QStringLiteral("Vitrine[*]"));
  QVERIFY(page->findChild<QListWidget*>("demos")->count() >= 7);
  QVERIFY(!window->actions().find("undo")->isEnabled());
  QVERIFY(app::write_picture(*window, QStringLiteral(VITRINE_SHOTS "/window_start.png")).isEmpty());
}

void WindowTest::opening_shows_panels_with_numbers() {
  auto window = make();
  window->open_model(QStringLiteral("fake:one"));
  QTRY_VERIFY(window->bench().isVisible());
  QVERIFY(window->windowTitle().startsWith("one"));
  QVERIFY(window->isWindowModified());
  window->host().act(text("abcd"));
  rest(*window);
  QCOMPARE(panel(*window, "input")->shown(), QStringLiteral("4"));
  QCOMPARE(panel(*window, "importance")->shown(), QStringLiteral("4"));
  QVERIFY(panel(*window, "importance")->partials() > 0);
  QVERIFY2(panel(*window, "pruning")->shown().contains("a shape that does not fit"), "the exception of an analysis is a sentence in its panel");
}

void WindowTest::undo_redo_and_branches_are_followed_by_every_panel() {
  auto window = make();
  prepare(*window);
  const auto shown = [&](const char* expected) {
    rest(*window);
    for (const char* id : {"input", "attention", "importance"}) QCOMPARE(panel(*window, id)->shown(), QLatin1String(expected));
  };
  shown("104");
  window->host().act(zero(1, 1));
  shown("204");
  trigger(*window, "undo");
  shown("104");
  trigger(*window, "undo");
  shown("4");
  trigger(*window, "redo");
  trigger(*window, "redo");
  shown("204");
  trigger(*window, "undo");
  window->host().act(zero(1, 3));
  window->host().act(zero(1, 2));
  shown("304");
  QCOMPARE(window->keeper().journal().tips().size(), std::size_t{2});
  window->keeper().go_to(window->keeper().journal().tips().front());
  shown("204");
  trigger(*window, "undo");
  trigger(*window, "undo");
  trigger(*window, "undo");
  trigger(*window, "undo");
  QTRY_VERIFY(window->host().model() == nullptr);
  QVERIFY(window->findChild<app::StartPage*>()->isVisible());
  trigger(*window, "redo");
  QTRY_VERIFY(window->host().model() != nullptr);
}

void WindowTest::two_branches_stand_side_by_side() {
  auto window = make();
  prepare(*window);
  window->host().act(zero(1, 1));
  const auto left = window->keeper().journal().at();
  trigger(*window, "undo");
  window->host().act(text("abcdef"));
  rest(*window);
  window->keeper().compare_with(left);
  QTRY_VERIFY(window->second_host() && window->second_host()->model());
  rest(*window);
  QTRY_COMPARE(panel(*window, "b_attention")->shown(), QStringLiteral("204"));
  QCOMPARE(panel(*window, "attention")->shown(), QStringLiteral("106"));
  QVERIFY(window->bench().dock("b_attention")->isVisible());
  QCOMPARE(window->bench().preset(), QStringLiteral("Compare"));
  window->second_host()->act(zero(0, 0));
  rest(*window);
  QCOMPARE(panel(*window, "b_attention")->shown(), QStringLiteral("304"));
  QCOMPARE(panel(*window, "attention")->shown(), QStringLiteral("106"));
  QVERIFY(app::write_picture(*window, QStringLiteral(VITRINE_SHOTS "/window_compare.png")).isEmpty());
  trigger(*window, "compare");
  QVERIFY(!window->second_host());
  QVERIFY(!window->bench().dock("b_attention"));
  rest(*window);
  QCOMPARE(panel(*window, "attention")->shown(), QStringLiteral("106"));
}

void WindowTest::save_and_reopen_gives_the_same_window() {
  const QString path = folder_.filePath("a.vitrine");
  nlohmann::json journal;
  {
    auto window = make();
    prepare(*window);
    window->host().act(zero(1, 1));
    trigger(*window, "undo");
    window->host().act(zero(1, 2));
    QVERIFY(window->keeper().name_branch(window->keeper().journal().at(), "without 1.2").has_value());
    rest(*window);
    QVERIFY(window->isWindowModified());
    window->host().keep_view("attention", {{"layer", 1}, {"head", 2}});
    window->save_session(path);
    QVERIFY(!window->isWindowModified());
    QVERIFY2(window->windowTitle().contains("a.vitrine"), qPrintable(window->windowTitle()));
    journal = window->keeper().journal().to_json();
  }
  auto window = make();
  window->open_path(path);
  QTRY_VERIFY(window->host().model());
  rest(*window);
  QVERIFY2(window->keeper().journal().to_json() == journal, "what is looked at is no act");
  QCOMPARE(window->host().view_settings("attention").value("head", -1), 2);
  QCOMPARE(panel(*window, "attention")->shown(), QStringLiteral("204"));
  QVERIFY(!window->isWindowModified());
  QVERIFY(window->banner().sentence().isEmpty());
}

void WindowTest::what_was_not_saved_is_offered_at_the_next_start() {
  const auto autosave = std::filesystem::path(folder_.path().toStdString()) / "autosave";
  nlohmann::json journal;
  {
    auto window = make(autosave);
    prepare(*window);
    journal = window->keeper().journal().to_json();
    window->close();
  }
  auto window = make(autosave);
  window->offer_recovery();
  QVERIFY2(window->banner().sentence().contains("one, 3 acts") || window->banner().sentence().contains("fake:one, 3 acts"),
           qPrintable(window->banner().sentence()));
  emit window->banner().accepted();
  QTRY_VERIFY(window->host().model());
  rest(*window);
  QVERIFY(window->keeper().journal().to_json() == journal);
  QCOMPARE(panel(*window, "attention")->shown(), QStringLiteral("104"));
  window->save_session(folder_.filePath("recovered.vitrine"));
  window.reset();
  auto third = make(autosave);
  third->offer_recovery();
  QVERIFY2(third->banner().sentence().isEmpty(), "what was saved is not offered");
}

namespace {

/// While it lives no file of this process may grow beyond `bytes`: what a full disk is to a writer.
class FullDisk {
 public:
  explicit FullDisk(rlim_t bytes) {
    std::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit small{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &small);
  }
  ~FullDisk() { ::setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_{};
};

QByteArray bytes_of(const QString& path) {
  QFile file(path);
  return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
}

}  // namespace

void WindowTest::a_full_disk_leaves_the_old_file_and_is_said() {
  QTemporaryDir folder;
  auto window = make();
  prepare(*window);
  const QString path = folder.filePath("kept.vitrine");
  window->save_session(path);
  const QByteArray before = bytes_of(path);
  QVERIFY(before.size() > 400);
  window->host().act(zero(1, 1));
  rest(*window);
  {
    const FullDisk full(200);
    window->save_session(path);
    QVERIFY2(window->banner().sentence().contains("kept.vitrine") && window->banner().sentence().contains("cannot be written"), qPrintable(window->banner().sentence()));
  }
  QVERIFY(bytes_of(path) == before);
  QCOMPARE(QDir(folder.path()).entryList(QDir::Files | QDir::Hidden).size(), 1);
  QVERIFY(window->isWindowModified());
  window->save_session(path);
  QVERIFY(bytes_of(path) != before);
  QVERIFY(!window->isWindowModified());
}

void WindowTest::a_folder_that_cannot_be_written_is_said() {
  QTemporaryDir folder;
  auto window = make();
  prepare(*window);
  const QString path = folder.filePath("kept.vitrine");
  window->save_session(path);
  const QByteArray before = bytes_of(path);
  window->host().act(zero(1, 1));
  rest(*window);
  QVERIFY(QFile::setPermissions(folder.path(), QFile::ReadOwner | QFile::ExeOwner | QFile::ReadOther | QFile::ExeOther));
  // The one who may write anywhere looks with the eyes of nobody.
  const bool root = ::geteuid() == 0;
  if (root) ::setfsuid(65534);
  window->save_session(path);
  if (root) ::setfsuid(0);
  QFile::setPermissions(folder.path(), QFile::ReadOwner | QFile::WriteOwner | QFile::ExeOwner);
  QVERIFY2(window->banner().sentence().contains("kept.vitrine") && window->banner().sentence().contains("cannot be created"), qPrintable(window->banner().sentence()));
  QVERIFY(bytes_of(path) == before);
  QVERIFY(window->isWindowModified());
}

void WindowTest::acts_during_a_full_disk_are_saved_once_it_has_room() {
  QTemporaryDir folder;
  const auto autosave = std::filesystem::path(folder.path().toStdString());
  auto window = make(autosave);
  prepare(*window);
  {
    const FullDisk full(300);
    window->host().act(zero(1, 1));
    QVERIFY2(window->banner().sentence().contains("Autosave is off"), qPrintable(window->banner().sentence()));
    window->host().act(zero(1, 0));
    rest(*window);
  }
  window->host().act(zero(0, 3));
  rest(*window);
  const auto journal = window->keeper().journal().to_json();
  window.reset();
  const auto left = app::find_autosaves(autosave);
  QCOMPARE(left.size(), std::size_t{1});
  QVERIFY2(left[0].journal.to_json() == journal, "nothing that was done meanwhile is missing");
}

void WindowTest::a_file_is_not_opened_a_third_time_after_two_crashes() {
  QTemporaryDir folder;
  const auto state = std::filesystem::path(folder.path().toStdString());
  {
    auto window = make(state);
    prepare(*window);
  }
  for (const char* name : {"opening-1.json", "opening-2.json"}) std::ofstream(state / name) << R"({"file": "fake:one"})";
  auto window = make(state);
  window->open_at_start(QStringLiteral("fake:one"), {});
  QVERIFY2(window->banner().sentence().contains("fake:one") && window->banner().sentence().contains("ended twice"), qPrintable(window->banner().sentence()));
  QVERIFY(!window->host().model());
  window->offer_recovery();
  emit window->banner().accepted();
  QVERIFY2(window->banner().sentence().contains("ended twice"), "a session that names it is there, its model is not");
  QCOMPARE(window->keeper().journal().steps().size(), std::size_t{4});
  QVERIFY(!window->busy() && !window->host().model());
  emit window->banner().accepted();
  QTRY_VERIFY(window->host().model());
  rest(*window);
  QCOMPARE(panel(*window, "attention")->shown(), QStringLiteral("104"));
  window.reset();
  auto next = make(state);
  next->open_at_start(QStringLiteral("fake:one"), {});
  QTRY_VERIFY2(next->host().model(), "it came to rest once: it opens again");
}

void WindowTest::refusals_are_one_sentence_and_leave_the_journal() {
  auto window = make();
  window->open_path(QStringLiteral("real.gguf"));
  QTRY_COMPARE(window->banner().sentence(), QStringLiteral("real.gguf: expected a fake model, came something else (byte 4)"));
  QCOMPARE(window->keeper().journal().steps().size(), std::size_t{1});
  QVERIFY(window->findChild<app::StartPage*>()->isVisible());
  prepare(*window);
  QVERIFY(window->banner().sentence().isEmpty());
  const auto before = window->keeper().journal().at();
  window->open_path(QStringLiteral("real.gguf"));
  QTRY_VERIFY(!window->banner().sentence().isEmpty());
  QCOMPARE(window->keeper().journal().at(), before);
  rest(*window);
  QCOMPARE(panel(*window, "attention")->shown(), QStringLiteral("104"));
  window->host().act(text("a bad text"));
  QTRY_VERIFY(window->banner().sentence().contains("came a bad one"));
  rest(*window);
  QCOMPARE(window->keeper().journal().at(), before);
  QCOMPARE(window->host().input()->text, std::string("abcd"));
  window->host().act({{"do", "explode"}});
  QVERIFY(window->banner().sentence().contains("no command 'explode'"));
  QTest::keyClick(window.get(), Qt::Key_Escape);
  QVERIFY(window->banner().sentence().isEmpty());
  QFile bad(folder_.filePath("bad.vitrine"));
  QVERIFY(bad.open(QIODevice::WriteOnly));
  bad.write("{\"vitrine_session\": 1, \"journal\": {\"steps\": 3}}");
  bad.close();
  window->open_path(bad.fileName());
  QVERIFY(window->banner().sentence().contains("bad.vitrine"));
  QCOMPARE(window->keeper().journal().at(), before);
}

/// A sweep burns, partial reports pour in, and still each act is answered, and painted, before the sweep ends.
/// Not with an input that was on its way when the error came.
void WindowTest::an_error_goes_with_what_is_done_after_it() {
  auto window = make();
  prepare(*window);
  const QString sentence = QStringLiteral("expected one, came another");
  window->banner().show_error(sentence);
  emit window->host().input_changed();
  QCOMPARE(window->banner().sentence(), sentence);
  window->host().act(text("efgh"));
  QCOMPARE(window->banner().sentence(), sentence);
  rest(*window);
  QCOMPARE(window->banner().sentence(), QString());
}

void WindowTest::nothing_freezes_while_both_cores_are_busy() {
  auto window = make();
  prepare(*window);
  backend_->heavy_ms = 60000;
  window->host().request("sweep", "heavy", nlohmann::json::object(), true);
  for (int i = 0; i < 6; ++i) {
    window->host().act(zero(2, i));
    const auto painted = [&] {
      const auto& shown = window->frames().shown();
      return std::any_of(shown.begin(), shown.end(), [](const auto& answer) { return answer.whole && answer.tag == "attention"; });
    };
    QVERIFY2(!painted(), "what was painted before the act does not count");
    QTRY_VERIFY_WITH_TIMEOUT(painted(), 20000);
  }
  QVERIFY2(window->client().pending("A:sweep"), "the sweep still runs");
  QCOMPARE(panel(*window, "attention")->shown(), QStringLiteral("704"));
}

void WindowTest::stop_ends_the_work() {
  auto window = make();
  prepare(*window);
  backend_->heavy_ms = 60000;
  window->host().act(zero(2, 2));
  QTRY_VERIFY(window->client().pending("A:importance"));
  trigger(*window, "stop");
  QTRY_COMPARE(window->client().pending(), 0);
  QCOMPARE(panel(*window, "importance")->shown(), QStringLiteral("Stopped"));
}

void WindowTest::every_action_has_a_way_and_no_two_share_a_key() {
  auto window = make();
  std::set<QAction*> in_menus;
  for (QAction* menu : window->menuBar()->actions())
    for (QAction* action : menu->menu()->actions()) in_menus.insert(action);
  std::set<QString> keys;
  for (const auto& row : window->actions().rows()) {
    QVERIFY2(in_menus.contains(row.action), qPrintable(row.id + " is in no menu"));
    if (row.action->shortcut().isEmpty()) continue;
    QVERIFY2(keys.insert(row.action->shortcut().toString()).second, qPrintable(row.action->shortcut().toString() + " is used twice"));
  }
  QVERIFY(keys.contains("Ctrl+K") && keys.contains("F1"));
}

void WindowTest::the_palette_finds_by_parts_of_words() {
  QVERIFY(app::match_score("sav ses", "Save session") > 0);
  QVERIFY(app::match_score("hi", "Head importance") > app::match_score("hi", "Graphics"));
  QCOMPARE(app::match_score("xyz", "Head importance"), 0);
  auto window = make();
  prepare(*window);
  trigger(*window, "palette");
  auto* palette = window->findChild<app::CommandPalette*>();
  QVERIFY(palette);
  QVERIFY(palette->shown().size() > 30);
  auto* line = palette->findChild<QLineEdit*>();
  QTest::keyClicks(line, "undo");
  QCOMPARE(palette->shown().value(0), QStringLiteral("Undo"));
  QTest::keyClick(line, Qt::Key_Return);
  rest(*window);
  QCOMPARE(panel(*window, "attention")->shown(), QStringLiteral("4"));
}

void WindowTest::presets_place_every_panel_that_they_name() {
  auto window = make();
  prepare(*window);
  for (const auto& preset : app::layout_presets()) {
    trigger(*window, qPrintable("layout_" + preset.name));
    QCoreApplication::processEvents();
    QCOMPARE(window->bench().preset(), preset.name);
    for (const auto& column : preset.columns) {
      QCOMPARE(column.rows.size(), column.heights.size());
      for (const QStringList& row : column.rows) {
        QString first;
        for (const QString& id : row)
          if (window->bench().dock(id) && first.isEmpty()) first = id;
        if (!first.isEmpty()) QTRY_VERIFY2(!window->bench().dock(first)->visibleRegion().isEmpty(), qPrintable(preset.name + ": " + first));
      }
    }
  }
}

void WindowTest::the_job_repeats_what_is_shown() {
  auto window = make();
  prepare(*window);
  const QString path = folder_.filePath("job.json");
  window->save_job(path);
  QFile file(path);
  QVERIFY(file.open(QIODevice::ReadOnly));
  const auto job = nlohmann::json::parse(file.readAll().toStdString());
  QVERIFY(job["models"] == nlohmann::json::array({"fake:one"}));
  std::set<std::string> analyses;
  for (const auto& step : job["steps"]) {
    analyses.insert(step["analyse"].get<std::string>());
    QCOMPARE(step["edits"].size(), std::size_t{1});
  }
  QVERIFY(analyses == (std::set<std::string>{"heavy", "quick"}));
}

void WindowTest::the_picture_is_the_window() {
  auto window = make();
  prepare(*window);
  const QString path = folder_.filePath("shot.png");
  QString problem = QStringLiteral("not done");
  app::Screenshot shot(*window, path, [&] { return window->busy(); });
  connect(&shot, &app::Screenshot::done, this, [&](const QString& p) { problem = p; });
  QTRY_COMPARE(problem, QString());
  QImage image(path);
  QCOMPARE(image.size(), window->size());
  QVERIFY(!app::write_picture(*window, QStringLiteral("/nowhere/x.png")).isEmpty());
  QVERIFY(app::write_picture(*window, QStringLiteral(VITRINE_SHOTS "/window_fake.png")).isEmpty());
  trigger(*window, "theme");
  QCoreApplication::processEvents();
  QVERIFY(app::write_picture(*window, QStringLiteral(VITRINE_SHOTS "/window_fake_other_theme.png")).isEmpty());
}

int main(int argc, char** argv) {
  QTemporaryDir home;
  for (const char* name : {"XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"})
    qputenv(name, home.filePath(QLatin1String(name)).toUtf8());
  QApplication application(argc, argv);
  QApplication::setOrganizationName(QStringLiteral("vitrine"));
  QApplication::setApplicationName(QStringLiteral("vitrine"));
  QSettings::setDefaultFormat(QSettings::IniFormat);
  WindowTest test;
  return QTest::qExec(&test, argc, argv);
}
#include "window_test.moc"
