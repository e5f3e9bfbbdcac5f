#include "app/window/screenshot.h"
#include "app/window/banner.h"
#include "real_window.h"

using namespace vitrine;
using test::RealWindow;

/// Each demo model, clicked in the list of the start page, comes up with its sample and shows numbers.
class WindowDemosTest : public QObject {
  Q_OBJECT
 private slots:
  void a_click_opens_a_demo_with_its_sample_and_nothing_is_refused_data() {
    QTest::addColumn<QString>("demo");
    for (const char* name : {"vit_digits", "crate_digits", "codebook_fsm", "lm_text", "lm_text_codebook", "mamba_text", "clip_glyphs"})
      QTest::newRow(name) << QString::fromLatin1(name);
  }

  void a_click_opens_a_demo_with_its_sample_and_nothing_is_refused() {
    QFETCH(QString, demo);
    RealWindow window;
    VITRINE_DO(window.open_demo(demo));
    QVERIFY(window.settle({"input", "attention", "heads"}));
    QCOMPARE(window.refusals(), QStringList());
    QCOMPARE(window->banner().sentence(), QString());
    auto* predictions = window.in<QAbstractItemView>("input", "predictions");
    QVERIFY(predictions && predictions->isVisible());
    QVERIFY2(predictions->model()->rowCount() >= 3, "the sample leads to predictions");
    for (const QString& id : window->bench().ids())
      if (auto* panel = window.panel(id); panel && panel->visibleRegion().isEmpty())
        QVERIFY2(panel->waiting().empty(), qPrintable(id + " asks although other tabs cover it"));
    for (const char* id : {"input", "attention", "heads", "importance", "pruning", "codebook"})
      if (auto* panel = window.panel(id); !panel->visibleRegion().isEmpty()) QCOMPARE(panel->sentence(), QString());
    QVERIFY(app::write_picture(*window, QStringLiteral(VITRINE_SHOTS "/real_%1.png").arg(demo)).isEmpty());
  }
};

int main(int argc, char** argv) {
  return test::run_real(argc, argv, [] { return std::make_unique<WindowDemosTest>(); });
}
#include "window_demos_test.moc"
