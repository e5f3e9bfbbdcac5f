#include <QApplication>
#include <QMenu>
#include <QPlainTextEdit>
#include <QPushButton>
#include <QTest>

#include "panels_golden.h"
#include "views/panels/frame.h"
#include "views/panels/image_well.h"
#include "views/panels/panels.h"
#include "views/panels/report_table.h"
#include "views/panels/style.h"
#include "views/panels/token_chips.h"

namespace vitrine::views {

class InputPanelTest : public QObject {
  Q_OBJECT
 private slots:
  void init() {
    apply_theme(*qApp, true);
    host_ = std::make_unique<FakeHost>();
    host_->oracle = golden_report;
    panel_ = make_input_panel(*host_);
    panel_->resize(520, 640);
    panel_->show();
    QVERIFY(QTest::qWaitForWindowExposed(panel_.get()));
  }
  void cleanup() { panel_.reset(); }

  void says_what_to_do_when_nothing_is_open() {
    QTRY_VERIFY(framed().sentence().contains("Open a model"));
    QVERIFY(host_->asked.empty());
  }

  void typing_runs_once_after_a_pause() {
    host_->open(text_model());
    QTRY_VERIFY(framed().sentence().isEmpty());
    auto* text = panel_->findChild<QPlainTextEdit*>("text");
    QTest::keyClicks(text, "Mr. Darcy");
    QVERIFY(host_->acts.empty());
    QTRY_COMPARE(host_->acts.size(), std::size_t{1});
    QCOMPARE(text_of(host_->acts[0]), text_of({{"do", "set_input"}, {"text", "Mr. Darcy"}}));
  }

  void shows_the_tokens_and_a_click_selects_one_for_all_panels() {
    host_->open(text_model(), text_input());
    auto* chips = wait_for_chips();
    QCOMPARE(chips->tokens().size(), host_->input()->towers[0].tokens.size());
    QTest::mouseClick(chips->widget(), Qt::LeftButton, {}, chips->chip_box(3).center());
    QCOMPARE(host_->selection().token, 3);
    QTest::keyClick(chips->widget(), Qt::Key_Right);
    QCOMPARE(host_->selection().token, 4);
    QCOMPARE(chips->current(), 4);
  }

  void predictions_follow_the_selected_token_and_equal_the_report() {
    host_->open(text_model(), text_input());
    wait_for_chips();
    QTRY_COMPARE(host_->times_asked("input/predictions"), 1);
    Selection selection = host_->selection();
    selection.token = 5;
    host_->select(selection);
    QTRY_COMPARE(host_->times_asked("input/predictions"), 2);
    QCOMPARE(text_of(host_->asked_last("input/predictions")->params), text_of({{"k", 10}, {"position", 5}}));
    QVERIFY(host_->answer("input/predictions"));
    auto* table = panel_->findChild<ReportTable*>("predictions");
    const auto expected = golden_report(*host_->asked_last("input/predictions"), *host_);
    QCOMPARE(table->table()->rows.size(), std::size_t{10});
    for (std::size_t r = 0; r < 10; ++r)
      QCOMPARE(table->cell(static_cast<int>(r), 1), number_text(std::get<double>(expected->tables[0].rows[r][1]), 4));
    QVERIFY(framed().verified_text().contains("reference run"));
  }

  void an_answer_that_nobody_waits_for_is_ignored() {
    host_->open(text_model(), text_input());
    wait_for_chips();
    QTRY_COMPARE(host_->times_asked("input/predictions"), 1);
    QVERIFY(host_->answer("input/predictions"));
    engine::Report late;
    late.id = "predictions";
    late.tables = {{"", {{"label", ""}}, {{std::string("late")}}}};
    host_->answer_with("input/predictions", late);
    auto* table = panel_->findChild<ReportTable*>("predictions");
    QCOMPARE(table->table()->rows.size(), std::size_t{10});
  }

  void a_hidden_panel_asks_nothing_and_catches_up() {
    panel_->hide();
    host_->open(text_model(), text_input());
    QTest::qWait(20);
    QVERIFY(host_->asked.empty());
    panel_->show();
    QTRY_COMPARE(host_->times_asked("input/predictions"), 1);
  }

  void a_click_on_a_patch_selects_its_token() {
    host_->open(digits_model(), digits_input());
    auto* well = panel_->findChild<ImageWell*>("well");
    QTRY_VERIFY(!well->image_box().isEmpty());
    const QRectF box = well->image_box();
    QTest::mouseClick(well, Qt::LeftButton, {},
                      QPoint(int(box.left() + box.width() * 3.5 / 8), int(box.top() + box.height() * 2.5 / 8)));
    QCOMPARE(host_->selection().token, 1 + 2 * 8 + 3);
  }

  void samples_are_one_click_away() {
    host_->open(digits_model());
    auto* samples = panel_->findChild<QPushButton*>("samples");
    QTRY_VERIFY(samples->menu()->actions().size() >= 10);
    samples->menu()->actions()[3]->trigger();
    QCOMPARE(host_->acts.size(), std::size_t{1});
    QVERIFY(host_->acts[0].at("image").get<std::string>().ends_with("digit_3.png"));
  }

  void an_undone_input_comes_back_into_the_field() {
    host_->open(text_model(), text_input());
    wait_for_chips();
    InputState before = text_input();
    before.text = "Something else";
    host_->set_input(before);
    auto* text = panel_->findChild<QPlainTextEdit*>("text");
    QTRY_COMPARE(text->toPlainText(), QString("Something else"));
    QTest::qWait(300);
    QVERIFY(host_->acts.empty());
  }

 private:
  FramedPanel& framed() { return static_cast<FramedPanel&>(*panel_); }
  TokenChips* wait_for_chips() {
    TokenChips* chips = nullptr;
    (void)QTest::qWaitFor([&] { return (chips = panel_->findChild<TokenChips*>("chips0")) && !chips->tokens().empty(); });
    QTest::qWait(10);
    return chips;
  }
  std::unique_ptr<FakeHost> host_;
  std::unique_ptr<Panel> panel_;
};

}  // namespace vitrine::views

QTEST_MAIN(vitrine::views::InputPanelTest)
#include "panels_input_test.moc"
