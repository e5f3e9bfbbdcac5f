#include <QApplication>
#include <QListWidget>
#include <QPushButton>
#include <QSlider>
#include <QTest>
#include <QToolButton>

#include "panels_golden.h"
#include "views/panels/frame.h"
#include "views/panels/metric_list.h"
#include "views/panels/panels.h"
#include "views/panels/part_tree.h"
#include "views/panels/style.h"

namespace vitrine::views {

class PruningPanelTest : public QObject {
  Q_OBJECT
 private slots:
  void init() {
    apply_theme(*qApp, true);
    host_ = std::make_unique<FakeHost>();
    host_->oracle = golden_report;
    register_golden_analyses(*host_);
    panel_ = make_pruning_panel(*host_);
    panel_->resize(900, 640);
    panel_->show();
    QVERIFY(QTest::qWaitForWindowExposed(panel_.get()));
    host_->open(digits_model(), digits_input());
    QTRY_VERIFY(tree()->item_of({PartRef::Kind::Head, "", 5, 3}));
    QTRY_COMPARE(host_->times_asked("pruning/effect"), 1);
  }
  void cleanup() { panel_.reset(); }

  void unchecking_a_head_zeroes_it() {
    tree()->item_of({PartRef::Kind::Head, "", 5, 1})->setCheckState(0, Qt::Unchecked);
    QCOMPARE(host_->acts.size(), std::size_t{1});
    QCOMPARE(text_of(host_->acts[0]["do"]), QString("\"edit\""));
    QCOMPARE(text_of(host_->acts[0]["edits"][0]["site"]), QString("\"blocks.5.attn.hook_z\""));
    QCOMPARE(text_of(host_->acts[0]["edits"][0]["select"]["head"]), QString("[1]"));
    QTRY_COMPARE(host_->times_asked("pruning/effect"), 2);
    QTRY_COMPARE(tree()->item_of({PartRef::Kind::Attention, "", 5, 0})->checkState(0), Qt::PartiallyChecked);
    QVERIFY(!host_->asked_last("pruning/effect")->params.at("eval").get<bool>());
    QVERIFY(host_->asked_last("pruning/measured")->params.at("eval").get<bool>());
    QVERIFY(host_->asked_last("pruning/measured")->pace == Pace::CanWait);
  }

  void checking_it_again_takes_only_that_back() {
    tree()->item_of({PartRef::Kind::Head, "", 5, 1})->setCheckState(0, Qt::Unchecked);
    tree()->item_of({PartRef::Kind::Head, "", 0, 0})->setCheckState(0, Qt::Unchecked);
    QTest::qWait(10);
    tree()->item_of({PartRef::Kind::Head, "", 5, 1})->setCheckState(0, Qt::Checked);
    QCOMPARE(host_->edits().size(), std::size_t{1});
    QCOMPARE(host_->edits()[0].site, std::string("blocks.0.attn.hook_z"));
  }

  void one_head_of_a_layer_that_is_off_can_be_switched_on() {
    tree()->item_of({PartRef::Kind::Attention, "", 2, 0})->setCheckState(0, Qt::Unchecked);
    QTRY_COMPARE(tree()->item_of({PartRef::Kind::Head, "", 2, 3})->checkState(0), Qt::Unchecked);
    tree()->item_of({PartRef::Kind::Head, "", 2, 3})->setCheckState(0, Qt::Checked);
    const auto off = parts_off(*host_->model(), host_->edits());
    QVERIFY(off.contains({PartRef::Kind::Head, "", 2, 0}));
    QVERIFY(!off.contains({PartRef::Kind::Head, "", 2, 3}));
  }

  void the_effect_equals_the_report_beside_the_unpruned_model() {
    tree()->item_of({PartRef::Kind::Head, "", 5, 1})->setCheckState(0, Qt::Unchecked);
    QTRY_COMPARE(host_->times_asked("pruning/measured"), 2);
    QVERIFY(host_->answer("pruning/measured"));
    auto* list = panel_->findChild<MetricList*>("effect");
    const auto expected = golden_report(*host_->asked_last("pruning/measured"), *host_);
    QCOMPARE(list->metrics().size(), expected->metrics.size());
    for (std::size_t i = 0; i < expected->metrics.size(); ++i)
      QCOMPARE(list->metrics()[i].value, expected->metrics[i].value);
    QCOMPARE(list->value_text(1), QString("98.00\u202f%"));
    QCOMPARE(list->before_text(1), QString("98.67\u202f%"));
  }

  void the_prompt_answer_keeps_the_measured_rows_and_marks_them() {
    QVERIFY(host_->answer("pruning/measured"));
    auto* list = panel_->findChild<MetricList*>("effect");
    const auto rows = list->metrics().size();
    tree()->item_of({PartRef::Kind::Head, "", 5, 1})->setCheckState(0, Qt::Unchecked);
    QTRY_COMPARE(host_->times_asked("pruning/effect"), 2);
    engine::Report first;
    first.id = "pruning_effect";
    first.metrics = {{"kl_divergence", 0.012194, "nats", {}}};
    host_->answer_with("pruning/effect", first);
    QCOMPARE(list->metrics().size(), rows);
    QCOMPARE(list->metrics()[0].value, 0.012194);
    QVERIFY(!list->is_stale(0));
    QVERIFY(list->is_stale(1));
    QVERIFY(host_->answer("pruning/measured"));
    QVERIFY(!list->is_stale(1));
    host_->answer_with("pruning/effect", first);
    QVERIFY2(!list->is_stale(1), "a prompt answer that comes late does not hide the measured one");
  }

  void the_slider_replaces_its_own_plan_and_keeps_other_edits() {
    tree()->item_of({PartRef::Kind::Mlp, "", 1, 0})->setCheckState(0, Qt::Unchecked);
    auto* slider = panel_->findChild<QSlider*>("percent_heads");
    slider->setValue(25);
    QTRY_COMPARE(host_->times_asked("pruning/plan"), 1);
    QCOMPARE(host_->asked_last("pruning/plan")->params.at("percent").get<int>(), 25);
    QVERIFY(host_->answer("pruning/plan"));
    QCOMPARE(host_->edits().size(), std::size_t{7});
    slider->setValue(50);
    QTRY_COMPARE(host_->times_asked("pruning/plan"), 2);
    QVERIFY(host_->answer("pruning/plan"));
    QCOMPARE(host_->edits().size(), std::size_t{13});
    slider->setValue(0);
    QTRY_COMPARE(host_->edits().size(), std::size_t{1});
  }

  void an_edit_can_be_taken_back_from_the_list_and_all_by_reset() {
    tree()->item_of({PartRef::Kind::Head, "", 5, 1})->setCheckState(0, Qt::Unchecked);
    tree()->item_of({PartRef::Kind::Head, "", 4, 0})->setCheckState(0, Qt::Unchecked);
    auto* list = panel_->findChild<QListWidget*>("edits");
    QTRY_COMPARE(list->count(), 2);
    list->itemWidget(list->item(0))->findChild<QToolButton*>()->click();
    QCOMPARE(host_->edits().size(), std::size_t{1});
    panel_->findChild<QPushButton*>("reset")->click();
    QVERIFY(host_->edits().empty());
  }

  void brushed_heads_are_selected_in_the_tree() {
    Selection selection = host_->selection();
    selection.brushed = {{.layer = 3, .head = 2}};
    host_->select(selection);
    QVERIFY(tree()->item_of({PartRef::Kind::Head, "", 3, 2})->isSelected());
  }

 private:
  PartTree* tree() { return panel_->findChild<PartTree*>("parts"); }
  std::unique_ptr<FakeHost> host_;
  std::unique_ptr<Panel> panel_;
};

}  // namespace vitrine::views

QTEST_MAIN(vitrine::views::PruningPanelTest)
#include "panels_pruning_test.moc"
