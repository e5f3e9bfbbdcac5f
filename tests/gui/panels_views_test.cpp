#include <QApplication>
#include <QComboBox>
#include <QFile>
#include <QLineEdit>
#include <QListWidget>
#include <QPushButton>
#include <QSpinBox>
#include <QTemporaryDir>
#include <QTest>
#include <QToolButton>

#include "panels_golden.h"
#include "views/canvas/head_grid_canvas.h"
#include "views/canvas/image_overlay_canvas.h"
#include "views/canvas/map_canvas.h"
#include "views/figure/figure_view.h"
#include "views/panels/attention_view.h"
#include "views/panels/code_grid.h"
#include "views/panels/controls.h"
#include "views/panels/frame.h"
#include "views/panels/head_spin.h"
#include "views/panels/panels.h"
#include "views/panels/part_edits.h"
#include "views/panels/report_table.h"
#include "views/panels/report_view.h"
#include "views/panels/style.h"

namespace vitrine::views {

class PanelViewsTest : public QObject {
  Q_OBJECT
 private slots:
  void init() {
    apply_theme(*qApp, true);
    host_ = std::make_unique<FakeHost>();
    host_->oracle = golden_report;
    register_golden_analyses(*host_);
  }
  void cleanup() {
    panel_.reset();
    host_.reset();
  }

  void a_click_on_a_thumbnail_selects_the_head() {
    show(make_heads_panel(*host_));
    host_->open(digits_model(), digits_input());
    QTRY_COMPARE(host_->times_asked("heads/grid"), 1);
    QVERIFY(host_->answer("heads/grid"));
    auto* grid = panel_->findChild<HeadGridCanvas*>("grid");
    QTRY_VERIFY(grid->head_rect(2, 1).isValid());
    QTest::mouseClick(grid, Qt::LeftButton, {}, grid->head_rect(2, 1).center().toPoint());
    QCOMPARE(host_->selection().head.layer, 2);
    QCOMPARE(host_->selection().head.head, 1);
    QTest::mouseClick(grid, Qt::LeftButton, Qt::ControlModifier, grid->head_rect(2, 1).center().toPoint());
    QCOMPARE(host_->edits().size(), std::size_t{1});
    QCOMPARE(host_->edits()[0].heads, std::vector<std::int64_t>{1});
  }

  void the_attention_asked_for_is_the_selected_head() {
    show(make_attention_panel(*host_));
    host_->open(text_model(), text_input());
    QTRY_COMPARE(host_->times_asked("attention/map"), 1);
    QVERIFY(host_->answer("attention/map"));
    Selection selection = host_->selection();
    selection.head = {.layer = 3, .head = 1};
    host_->select(selection);
    QTRY_COMPARE(host_->times_asked("attention/map"), 2);
    const auto& params = host_->asked_last("attention/map")->params;
    QCOMPARE(params.at("layer").get<int>(), 3);
    QCOMPARE(params.at("head").get<int>(), 1);
    QCOMPARE(panel_->findChild<HeadSpin*>("head")->text(), QString("3.1"));
    selection.token = 4;
    host_->select(selection);
    QTest::qWait(20);
    QCOMPARE(host_->times_asked("attention/map"), 2);
  }

  void the_value_pointed_at_equals_the_report() {
    show(make_attention_panel(*host_));
    host_->open(text_model(), text_input());
    QTRY_COMPARE(host_->times_asked("attention/map"), 1);
    QVERIFY(host_->answer("attention/map"));
    auto* map = panel_->findChild<MapCanvas*>("map");
    const auto expected = golden_report(*host_->asked_last("attention/map"), *host_);
    const auto n = static_cast<std::size_t>(expected->arrays[0].shape[1]);
    QTRY_VERIFY(map->cell_size() > 1);
    QTest::mouseMove(map, map->cell_centre(9, 4).toPoint());
    const MapProbe probe = map->probe(9, 4);
    QCOMPARE(*probe.value, expected->arrays[0].values[9 * n + 4]);
    QTRY_VERIFY(panel_->findChild<ElidedLabel*>("pointed")->text().contains("rank"));
    QVERIFY(panel_->findChild<ElidedLabel*>("numbers")->text().contains("entropy"));
    QTest::mouseClick(map, Qt::LeftButton, {}, map->cell_centre(9, 4).toPoint());
    QCOMPARE(host_->selection().token, 9);
    QCOMPARE(host_->selection().key, 4);
  }

  void an_image_opens_as_an_overlay_and_modes_are_remembered() {
    show(make_attention_panel(*host_));
    host_->open(digits_model(), digits_input());
    QTRY_COMPARE(host_->times_asked("attention/map"), 1);
    QVERIFY(host_->answer("attention/map"));
    QVERIFY(panel_->findChild<ImageOverlayCanvas*>("overlay")->isVisible());
    auto* mode = panel_->findChild<Segmented*>("mode");
    QTest::keyClick(mode, Qt::Key_Left);
    QCOMPARE(text_of(host_->acts.back()),
             text_of({{"do", "set_view"}, {"panel", "attention"}, {"settings", {{"mode", "lines"}}}}));
    QVERIFY(!panel_->findChild<ImageOverlayCanvas*>("overlay")->isVisible());
  }

  void mean_rollout_compare_and_difference_ask_for_what_they_say() {
    show(make_attention_panel(*host_));
    host_->open(text_model(), text_input());
    QTRY_COMPARE(host_->times_asked("attention/map"), 1);
    auto* source = panel_->findChild<Segmented*>("source");
    QTest::keyClick(source, Qt::Key_Right);
    QTRY_COMPARE(host_->asked_last("attention/map")->params.at("head").get<int>(), -1);
    QTest::keyClick(source, Qt::Key_Right);
    QTRY_COMPARE(host_->asked_last("attention/map")->analysis, std::string("rollout"));
    QTest::keyClick(source, Qt::Key_Left);
    QTest::keyClick(source, Qt::Key_Left);
    panel_->findChild<QToolButton*>("compare")->click();
    QTRY_COMPARE(host_->times_asked("attention/compare"), 1);
    auto* difference = panel_->findChild<QToolButton*>("difference");
    QVERIFY(!difference->isEnabled());
    host_->set_edits(*engine::parse_edits("head:1.2=zero"));
    QTRY_VERIFY(difference->isEnabled());
    difference->click();
    QTRY_COMPARE(host_->asked_last("attention/map")->analysis, std::string("attention_difference"));
  }

  void brushing_in_one_view_of_importance_selects_in_all() {
    show(make_importance_panel(*host_));
    host_->open(digits_model(), digits_input());
    QTRY_COMPARE(host_->times_asked("importance/stats"), 1);
    QVERIFY(host_->answer("importance/importance"));
    QVERIFY(host_->answer("importance/stats"));
    auto* ranking = panel_->findChild<ReportTable*>("ranking");
    ranking->selectRow(0);
    QCOMPARE(host_->selection().brushed.size(), std::size_t{1});
    const auto first = std::get<std::string>(ranking->table()->rows[0][0]);
    QCOMPARE(QString("%1.%2").arg(host_->selection().brushed[0].layer).arg(host_->selection().brushed[0].head),
             QString::fromStdString(first));
    auto* heat = panel_->findChild<FigureView*>("heat");
    const auto box = find_box(heat->display_list(), "cell 4 0");
    QVERIFY(box.has_value());
    QTest::mouseClick(heat, Qt::LeftButton, {}, QPoint(int(box->center().x), int(box->center().y)));
    QCOMPARE(host_->selection().brushed, (std::vector<HeadRef>{{.layer = 4, .head = 0}}));
    QCOMPARE(host_->selection().head.layer, 4);
    QCOMPARE(ranking->selected_rows().size(), std::size_t{1});
    QCOMPARE(QString::fromStdString(std::get<std::string>(
                 ranking->table()->rows[static_cast<std::size_t>(ranking->selected_rows()[0])][0])), QString("4.0"));
    auto* scatter = panel_->findChild<FigureView*>("scatter");
    QCOMPARE(scatter->options().marks.size(), std::size_t{1});
    panel_->findChild<QPushButton*>("prune")->click();
    QCOMPARE(text_of(host_->acts.back()["edits"][0]["site"]), QString("\"blocks.4.attn.hook_z\""));
  }

  void importance_in_the_table_equals_the_reference() {
    show(make_importance_panel(*host_));
    host_->open(digits_model(), digits_input());
    QTRY_COMPARE(host_->times_asked("importance/importance"), 1);
    QVERIFY(host_->answer("importance/importance"));
    const GoldenArray reference = GoldenFile("vit_digits_pruned/expected.safetensors").read("importance");
    auto* ranking = panel_->findChild<ReportTable*>("ranking");
    for (int r = 0; r < 24; ++r) {
      const auto& row = ranking->table()->rows[static_cast<std::size_t>(r)];
      const auto head = parse_head(std::get<std::string>(row[0]), "");
      QCOMPARE(static_cast<float>(std::get<double>(row[1])), reference.at({head->layer, head->head}));
      QCOMPARE(ranking->cell(r, 1), number_text(std::get<double>(row[1]), 4));
    }
  }

  void importance_fills_in_while_it_is_computed() {
    show(make_importance_panel(*host_));
    host_->open(digits_model(), digits_input());
    QTRY_COMPARE(host_->times_asked("importance/importance"), 1);
    engine::Report half = *golden_report(*host_->asked_last("importance/importance"), *host_);
    half.id = "head_importance";
    half.fraction_done = 0.5;
    host_->answer_with("importance/importance", half);
    QVERIFY(framed().waiting().contains("importance/importance"));
    QVERIFY(panel_->findChild<ElidedLabel*>("note")->text().startsWith("50 %"));
    QVERIFY(host_->answer("importance/importance"));
    QVERIFY(!framed().waiting().contains("importance/importance"));
  }

  void a_code_can_be_found_looked_at_and_forced() {
    show(make_codebook_panel(*host_));
    host_->open(codebook_model(), codebook_input());
    QTRY_COMPARE(host_->times_asked("codebook/codes"), 1);
    QVERIFY(host_->answer("codebook/codes"));
    auto* grid = panel_->findChild<CodeGrid*>("codes");
    grid->setCurrentIndex(grid->model()->index(4, 3));
    QCOMPARE(host_->selection().codebook, 4);
    QCOMPARE(host_->selection().code, grid->code_at(4, 3));
    QTRY_COMPARE(host_->times_asked("codebook/contexts"), 1);
    QVERIFY(!host_->asked_last("codebook/effect")->edited);
    QTest::keyClicks(panel_->findChild<QLineEdit*>("pattern"), "5");
    QTRY_COMPARE(host_->times_asked("codebook/search"), 1);
    QVERIFY(host_->answer("codebook/search"));
    panel_->findChild<ReportTable*>("found")->selectRow(0);
    QCOMPARE(host_->selection().codebook, 9);
    QCOMPARE(host_->selection().code, 57);
    auto* force = panel_->findChild<QPushButton*>("force");
    force->click();
    QCOMPARE(host_->edits().size(), std::size_t{1});
    QCOMPARE(host_->edits()[0].op, engine::EditOp::ForceCode);
    QCOMPARE(host_->edits()[0].codes, std::vector<std::int64_t>{57});
    QVERIFY(force->text().contains("Release"));
    force->click();
    QVERIFY(host_->edits().empty());
  }

  void any_registered_analysis_gets_a_form_and_its_report_is_drawn() {
    show(make_analyses_panel(*host_));
    host_->open(digits_model(), digits_input());
    auto* list = panel_->findChild<QListWidget*>("list");
    QTRY_COMPARE(list->count(), 5);
    list->setCurrentItem(list->findItems("Attention rollout", Qt::MatchExactly).first());
    panel_->findChild<QComboBox*>("param_head_reduction")->setCurrentText("max");
    QVERIFY(host_->asked.empty());
    panel_->findChild<QPushButton*>("run")->click();
    QCOMPARE(text_of(host_->asked_last("analyses/run")->params),
             text_of({{"head_reduction", "max"}, {"residual", 0.5}, {"tower", ""}}));
    QVERIFY(host_->answer("analyses/run"));
    QTRY_VERIFY(panel_->findChild<FigureView*>("figure")->isVisible());
    QVERIFY(framed().verified_text().contains("rows sum to 1"));
  }

  void a_refusal_shows_its_sentence() {
    show(make_attention_panel(*host_));
    host_->open(text_model(), text_input());
    QTRY_COMPARE(host_->times_asked("attention/map"), 1);
    host_->refuse("attention/map", "expected a layer below 4, came 9");
    QCOMPARE(framed().sentence(), QString("expected a layer below 4, came 9"));
  }

  void what_is_shown_can_be_exported() {
    show(make_importance_panel(*host_));
    host_->open(digits_model(), digits_input());
    QTRY_COMPARE(host_->times_asked("importance/importance"), 1);
    QVERIFY(host_->answer("importance/importance"));
    QTemporaryDir folder;
    const auto path = [&](const char* name) { return folder.filePath(name); };
    QVERIFY(framed().export_figure_to(path("a.svg")).has_value());
    QVERIFY(framed().export_data_to(path("a.csv")).has_value());
    QVERIFY(framed().export_data_to(path("a.npy")).has_value());
    QVERIFY(!framed().export_data_to(path("a.xyz")).has_value());
    QFile svg(path("a.svg")), csv(path("a.csv")), npy(path("a.npy"));
    QVERIFY(svg.open(QIODevice::ReadOnly) && csv.open(QIODevice::ReadOnly) && npy.open(QIODevice::ReadOnly));
    QVERIFY(svg.readAll().contains("<text"));
    QCOMPARE(csv.readAll().split('\n').size(), 24 + 2);
    const QByteArray bytes = npy.readAll();
    QVERIFY(bytes.startsWith("\x93NUMPY"));
    QCOMPARE(bytes.size() % 64, (24 * 4) % 64);
  }

 private:
  FramedPanel& framed() { return static_cast<FramedPanel&>(*panel_); }
  void show(std::unique_ptr<Panel> panel) {
    panel_ = std::move(panel);
    panel_->resize(900, 640);
    panel_->show();
    QVERIFY(QTest::qWaitForWindowExposed(panel_.get()));
  }
  std::unique_ptr<FakeHost> host_;
  std::unique_ptr<Panel> panel_;
};

}  // namespace vitrine::views

QTEST_MAIN(vitrine::views::PanelViewsTest)
#include "panels_views_test.moc"
