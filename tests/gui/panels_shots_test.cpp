#include <QApplication>
#include <QDir>
#include <QTest>

#include "panels_golden.h"
#include "views/panels/panels.h"
#include "views/panels/style.h"

namespace vitrine::views {

/// Every panel with reference data, in both themes, as pictures for a person to judge.
class PanelShots : public QObject {
  Q_OBJECT
 private slots:
  void every_panel_shows_its_numbers() {
    for (bool dark : {true, false}) {
      apply_theme(*qApp, dark);
      shoot(digits_model(), digits_input(), dark ? "dark_digits" : "light_digits");
      shoot(text_model(), text_input(), dark ? "dark_text" : "light_text");
      shoot(codebook_model(), codebook_input(), dark ? "dark_codebook" : "light_codebook");
    }
  }

  void every_panel_says_what_to_do_when_nothing_is_open() {
    apply_theme(*qApp, true);
    FakeHost host;
    for (auto& panel : make_panels(host)) {
      panel->resize(panel->sizeHint());
      panel->show();
      QTest::qWait(30);
      save(*panel, "dark_empty");
    }
  }

 private:
  static void shoot(const ModelState& model, const InputState& input, const QString& name) {
    FakeHost host;
    host.automatic = true;
    host.oracle = golden_report;
    register_golden_analyses(host);
    host.open(model, input);
    Selection selection = host.selection();
    selection.head = {.tower = "", .layer = 2, .head = 1};
    selection.token = 12;
    selection.brushed = {{.layer = 1, .head = 2}, {.layer = 2, .head = 1}};
    host.select(selection);
    if (host.model()->name == "demo:vit_digits")
      host.set_edits(*engine::parse_edits(R"([{"site":"blocks.3.attn.hook_z","select":{"head":[2]},"op":"zero"},
        {"site":"blocks.4.attn.hook_z","select":{"head":[0]},"op":"zero"}])"));
    for (auto& panel : make_panels(host)) {
      panel->resize(panel->id() == "pruning" || panel->id() == "importance" ? QSize(900, 620) : QSize(620, 620));
      panel->show();
      QVERIFY(QTest::qWaitForWindowExposed(panel.get()));
      QTest::qWait(150);
      save(*panel, name);
    }
  }

  static void save(Panel& panel, const QString& name) {
    QDir().mkpath(VITRINE_SHOTS);
    QVERIFY(panel.grab().save(QString("%1/panel_%2_%3.png").arg(VITRINE_SHOTS, panel.id(), name)));
  }
};

}  // namespace vitrine::views

QTEST_MAIN(vitrine::views::PanelShots)
#include "panels_shots_test.moc"
