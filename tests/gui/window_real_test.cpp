#include <algorithm>
#include <cmath>
#include <map>

#include <QApplication>
#include <QElapsedTimer>
#include <QSettings>
#include <QSurfaceFormat>
#include <QTemporaryDir>
#include <QTest>

#include "app/window/banner.h"
#include "app/window/journal_view.h"
#include "app/window/main_window.h"
#include "app/window/screenshot.h"
#include "app/window/workbench.h"
#include "engine/plugin/loader.h"
#include "views/panels/panels.h"

using namespace vitrine;
using app::MainWindow;

/// The real window with the real engine and the demo models.
class RealWindowTest : public QObject {
  Q_OBJECT
 private slots:
  void initTestCase();
  void every_demo_opens_with_its_sample_and_nothing_is_refused_data();
  void every_demo_opens_with_its_sample_and_nothing_is_refused();
  void a_zeroed_head_changes_the_numbers_and_undo_brings_them_back();
  void toggling_heads_is_answered_promptly_while_a_ranking_fills_in();
  void a_session_reopens_with_the_same_numbers();
  void two_branches_of_one_model_are_pictures_side_by_side();

 private:
  std::unique_ptr<MainWindow> make() {
    auto window = std::make_unique<MainWindow>(
        app::WindowServices{app::make_workspace_backend(plugins_.analyses), views::make_panels, plugins_.plugins, {}});
    connect(&window->host(), &app::WindowHost::refused, this, [this](const QString& sentence) { refused_ << sentence; });
    window->resize(1600, 1000);
    window->show();
    if (!QTest::qWaitForWindowExposed(window.get())) QTest::qFail("the window was not shown", __FILE__, __LINE__);
    return window;
  }
  static void rest(MainWindow& window) {
    for (int quiet = 0; quiet < 5;) {
      QTest::qWait(40);
      quiet = window.busy() ? 0 : quiet + 1;
    }
  }
  /// Asks as a panel does and waits for the answer.
  static std::shared_ptr<const engine::Report> ask(MainWindow& window, const std::string& analysis, const nlohmann::json& params) {
    std::shared_ptr<const engine::Report> answer;
    QString problem;
    const QString tag = QStringLiteral("test/") + QString::fromStdString(analysis);
    const auto a = connect(&window.host(), &views::Host::report, &window, [&](const QString& t, const std::shared_ptr<const engine::Report>& r) {
      if (t == tag && r->fraction_done >= 1) answer = r;
    });
    const auto b = connect(&window.host(), &views::Host::failed, &window, [&](const QString& t, const QString& s) {
      if (t == tag) problem = s;
    });
    window.host().request(tag, analysis, params, true);
    [&] { QTRY_VERIFY_WITH_TIMEOUT(answer || !problem.isEmpty(), 60000); }();
    disconnect(a);
    disconnect(b);
    if (!problem.isEmpty()) QTest::qFail(qPrintable(problem), __FILE__, __LINE__);
    return answer;
  }
  static nlohmann::json zeroed(int layer, int head) {
    auto edits = engine::parse_edits("head:" + std::to_string(layer) + "." + std::to_string(head) + "=zero");
    return {{"do", "edit"}, {"edits", engine::edits_to_json(edits.value_or(engine::EditList{}))}};
  }
  static double top_probability(const engine::Report& report) { return std::get<double>(report.tables.at(0).rows.at(0).at(1)); }

  engine::PluginSet plugins_;
  QStringList refused_;
  QTemporaryDir folder_;
};

void RealWindowTest::initTestCase() {
  plugins_ = engine::load_plugins();
  for (const auto& plugin : plugins_.plugins)
    if (!plugin.active) qInfo("plugin %s: %s", plugin.folder.c_str(), plugin.message.c_str());
  QVERIFY(plugins_.analyses.find("attention") != nullptr);
}

void RealWindowTest::every_demo_opens_with_its_sample_and_nothing_is_refused_data() {
  QTest::addColumn<QString>("demo");
  for (const char* name : {"vit_digits", "crate_digits", "codebook_fsm", "lm_text", "lm_text_codebook", "mamba_text", "clip_glyphs"})
    QTest::newRow(name) << QString::fromLatin1(name);
}

void RealWindowTest::every_demo_opens_with_its_sample_and_nothing_is_refused() {
  QFETCH(QString, demo);
  refused_.clear();
  auto window = make();
  window->open_model(QStringLiteral("demo:") + demo);
  QTRY_VERIFY_WITH_TIMEOUT(window->host().model() || !refused_.isEmpty(), 60000);
  rest(*window);
  QCOMPARE(refused_, QStringList());
  QVERIFY(window->host().input());
  QVERIFY(!window->host().input()->towers.empty());
  QVERIFY(app::write_picture(*window, QStringLiteral(VITRINE_SHOTS "/real_%1.png").arg(demo)).isEmpty());
}

void RealWindowTest::a_zeroed_head_changes_the_numbers_and_undo_brings_them_back() {
  auto window = make();
  window->open_model(QStringLiteral("demo:vit_digits"));
  QTRY_VERIFY_WITH_TIMEOUT(window->host().model() && window->host().input(), 60000);
  const double before = top_probability(*ask(*window, "predictions", {{"k", 3}}));
  for (int head = 0; head < 4; ++head) window->host().act(zeroed(0, head));
  const double after = top_probability(*ask(*window, "predictions", {{"k", 3}}));
  QVERIFY2(std::abs(after - before) > 1e-6, "four heads of the first layer do something");
  for (int head = 0; head < 4; ++head) window->keeper().undo();
  QCOMPARE(window->host().edits().size(), std::size_t{0});
  QCOMPARE(top_probability(*ask(*window, "predictions", {{"k", 3}})), before);
}

void RealWindowTest::toggling_heads_is_answered_promptly_while_a_ranking_fills_in() {
  auto window = make();
  window->open_model(QStringLiteral("demo:vit_digits"));
  QTRY_VERIFY_WITH_TIMEOUT(window->host().model() && window->host().input(), 60000);
  rest(*window);
  if (plugins_.analyses.find("head_importance"))
    window->host().request("test/ranking", "head_importance", {{"on", "eval"}}, false);
  std::vector<double> times;
  window->gaps().reset();
  for (int i = 0; i < 20; ++i) {
    QElapsedTimer clock;
    clock.start();
    window->host().act(i % 2 ? nlohmann::json{{"do", "clear_edits"}} : zeroed(i % 6, i % 4));
    (void)ask(*window, "predictions", {{"k", 5}});
    times.push_back(static_cast<double>(clock.nsecsElapsed()) / 1e6);
  }
  std::sort(times.begin(), times.end());
  qInfo("act to numbers: median %.1f ms, p95 %.1f ms; largest event-loop gap %.1f ms", times[10], times[18], window->gaps().largest_ms());
  QVERIFY2(times[18] < 5000, "far beyond what even a busy machine explains");
  window->client().cancel("A:test/ranking");
}

void RealWindowTest::a_session_reopens_with_the_same_numbers() {
  const QString path = folder_.filePath("digits.vitrine");
  double before = 0;
  {
    auto window = make();
    window->open_model(QStringLiteral("demo:vit_digits"));
    QTRY_VERIFY_WITH_TIMEOUT(window->host().model() && window->host().input(), 60000);
    window->host().act(zeroed(1, 2));
    before = top_probability(*ask(*window, "predictions", {{"k", 3}}));
    QTRY_VERIFY_WITH_TIMEOUT(!window->keeper().document().model_sha256.empty(), 60000);
    window->save_session(path);
  }
  auto window = make();
  window->open_path(path);
  QTRY_VERIFY_WITH_TIMEOUT(window->host().model() && window->host().input(), 60000);
  QCOMPARE(window->host().edits().size(), std::size_t{1});
  QCOMPARE(top_probability(*ask(*window, "predictions", {{"k", 3}})), before);
}

void RealWindowTest::two_branches_of_one_model_are_pictures_side_by_side() {
  auto window = make();
  window->open_model(QStringLiteral("demo:lm_text"));
  QTRY_VERIFY_WITH_TIMEOUT(window->host().model() && window->host().input(), 60000);
  window->host().act(zeroed(0, 0));
  const auto left = window->keeper().journal().at();
  QVERIFY(window->keeper().name_branch(left, "without 0.0").has_value());
  window->keeper().undo();
  window->host().act(zeroed(3, 1));
  window->host().act(zeroed(2, 1));
  window->keeper().compare_with(left);
  QTRY_VERIFY_WITH_TIMEOUT(window->second_host() && window->second_host()->input(), 60000);
  rest(*window);
  QCOMPARE(window->second_host()->edits().size(), std::size_t{1});
  QCOMPARE(window->host().edits().size(), std::size_t{2});
  QVERIFY(app::write_picture(*window, QStringLiteral(VITRINE_SHOTS "/real_two_branches.png")).isEmpty());
  window->set_theme(false);
  rest(*window);
  QVERIFY(app::write_picture(*window, QStringLiteral(VITRINE_SHOTS "/real_two_branches_light.png")).isEmpty());
}

/// Names the events that held up the loop, for the reader of a failed or slow run.
class TimedApplication : public QApplication {
 public:
  using QApplication::QApplication;
  bool notify(QObject* receiver, QEvent* event) override {
    const QByteArray name = receiver->metaObject()->className();
    const int type = event->type();
    QElapsedTimer clock;
    clock.start();
    ++depth_;
    const bool handled = QApplication::notify(receiver, event);
    const double own = static_cast<double>(clock.nsecsElapsed()) / 1e6;
    if (--depth_ == 0 || own > 60) {
      auto& worst = worst_[name + " event " + QByteArray::number(type)];
      worst = std::max(worst, own);
    }
    return handled;
  }
  void say_worst() const {
    for (const auto& [what, ms] : worst_)
      if (ms > 40) qInfo("%7.1f ms  %s", ms, what.constData());
  }

 private:
  int depth_ = 0;
  std::map<QByteArray, double> worst_;
};

int main(int argc, char** argv) {
  QTemporaryDir home;
  for (const char* name : {"XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"})
    qputenv(name, home.filePath(QLatin1String(name)).toUtf8());
  QSurfaceFormat format;
  format.setVersion(3, 3);
  format.setProfile(QSurfaceFormat::CoreProfile);
  format.setDepthBufferSize(24);
  format.setStencilBufferSize(8);
  QSurfaceFormat::setDefaultFormat(format);
  QApplication::setAttribute(Qt::AA_ShareOpenGLContexts);
  TimedApplication application(argc, argv);
  QApplication::setOrganizationName(QStringLiteral("vitrine"));
  QApplication::setApplicationName(QStringLiteral("vitrine"));
  QSettings::setDefaultFormat(QSettings::IniFormat);
  RealWindowTest test;
  const int failed = QTest::qExec(&test, argc, argv);
  application.say_worst();
  return failed;
}
#include "window_real_test.moc"
