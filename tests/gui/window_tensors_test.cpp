// The tensor browser and the checkpoint diff on real files, by hand: search, choose, slice, look closer, select a head.
#include <cmath>
#include <filesystem>

#include <QLineEdit>
#include <QSpinBox>

#include "app/window/banner.h"
#include "engine/io/safetensors.h"
#include "engine/model/model.h"
#include "real_window.h"
#include "views/panels/report_table.h"
#include "views/panels/tensor_map.h"
#include "views/panels/tensor_tree.h"

using namespace vitrine;
using namespace vitrine::test;
namespace fs = std::filesystem;

namespace {

class TensorsTest : public QObject {
  Q_OBJECT
 private slots:
  void a_file_that_cannot_run_opens_for_its_tensors();
  void a_single_bright_value_is_seen_and_read_exactly();
  void a_head_of_the_difference_is_selected_everywhere();
  void many_tensors_stand_at_once_and_are_arranged_beside();

 private:
  QString write(const std::string& name, const std::vector<std::int64_t>& shape, const std::vector<float>& values) {
    const auto path = fs::path(folder_.path().toStdString()) / (name + ".safetensors");
    if (!engine::write_safetensors(path, {{.name = "trunk.0.w", .shape = shape, .values = values}, {.name = "trunk.10.w", .shape = {2}, .values = std::vector<float>{1, 2}},
                                          {.name = "trunk.9.w", .shape = {2}, .values = std::vector<float>{3, 4}}}))
      return {};
    return QString::fromStdString(path.string());
  }
  QTemporaryDir folder_;
};

void TensorsTest::a_file_that_cannot_run_opens_for_its_tensors() {
  RealWindow window;
  std::vector<float> values(3 * 4 * 5);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
  window->open_path(write("cube", {3, 4, 5}, values));
  QVERIFY(wait_for([&] { return window->host().model() != nullptr; }));
  QVERIFY(window->banner().sentence().contains(QStringLiteral("cannot run")));
  QCOMPARE(window->bench().preset(), QStringLiteral("Tensors"));
  auto* tree = window.in<views::TensorTree>("tensors", "tree");
  QCOMPARE(tree->tensors()->shown(), 3);
  const QModelIndex trunk = tree->tensors()->index(0, 0);
  QCOMPARE(tree->tensors()->index(1, 0, trunk).data().toString(), QStringLiteral("9.w"));
  QCOMPARE(tree->tensors()->index(2, 0, trunk).data().toString(), QStringLiteral("10.w"));
  VITRINE_DO(write_over(window.in<QLineEdit>("tensors", "search"), QStringLiteral("*.0.w")));
  QVERIFY(wait_for([&] { return tree->tensors()->shown() == 1; }));
  VITRINE_DO(click_item(tree, tree->tensors()->index_of("trunk.0.w")));
  QVERIFY(window.settle({"tensors"}));
  auto* map = window.in<views::TensorMap>("tensors", "map");
  QCOMPARE(map->probe(2, 3).value.value_or(-1), 13.F);
  auto* axis = window.in<QSpinBox>("tensors", "axis_0");
  QVERIFY(axis);
  axis->setFocus();
  axis->setValue(2);
  QVERIFY(window.settle({"tensors"}));
  QCOMPARE(map->probe(2, 3).value.value_or(-1), 53.F);
  auto* statistics = window.in<views::ReportTable>("tensors", "statistics");
  QCOMPARE(statistics->cell(0, 3), QStringLiteral("59"));
  QVERIFY2(!window.panel("heads") || window.panel("heads")->isHidden() || window.panel("heads")->sentence().contains("cannot run") || !window.panel("heads")->isVisible(),
           "a panel that needs a pass says why it shows nothing");
}

void TensorsTest::a_single_bright_value_is_seen_and_read_exactly() {
  RealWindow window;
  const std::int64_t rows = 3000, cols = 2500;
  std::vector<float> values(static_cast<std::size_t>(rows * cols), 0.F);
  values[static_cast<std::size_t>(1234 * cols + 2017)] = 9;
  window->open_path(write("plain", {rows, cols}, values));
  QVERIFY(wait_for([&] { return window->host().model() != nullptr; }));
  auto* tree = window.in<views::TensorTree>("tensors", "tree");
  QVERIFY(wait_for([&] { return tree->isVisible() && !tree->visibleRegion().isEmpty(); }));
  VITRINE_DO(click_item(tree, tree->tensors()->index_of("trunk.0.w")));
  QVERIFY(window.settle({"tensors"}));
  auto* map = window.in<views::TensorMap>("tensors", "map");
  const auto dark = [&](int r, int c) { return map->cell_color(r, c); };
  QVERIFY(wait_for([&] { return dark(1234, 2017).has_value() && dark(10, 10).has_value(); }));
  QVERIFY2(*dark(1234, 2017) != *dark(10, 10), "whatever is pooled, the one value is seen");
  map->zoom(4000, map->cell_centre(1234, 2017));
  map->reveal(1234, 2017);
  QVERIFY(wait_for([&] { return map->probe(1234, 2017).value == 9.F && map->probe(1234, 2018).value == 0.F; }));
}

void TensorsTest::a_head_of_the_difference_is_selected_everywhere() {
  RealWindow window;
  VITRINE_DO(window.open_demo(QStringLiteral("lm_text")));
  VITRINE_DO(window.show_panel("diff"));
  auto* against = window.in<QLineEdit>("diff", "against");
  VITRINE_DO(write_over(against, QStringLiteral("demo:lm_text_codebook")));
  VITRINE_DO(press(QKeySequence(Qt::Key_Return)));
  QVERIFY(wait_for([&] { return !window.panel("diff")->reports().empty(); }));
  QVERIFY(window.settle({"diff"}));
  QVERIFY(window->keeper().journal().find(window->keeper().journal().at())->command.value("panel", "") == "diff");
  auto* ranking = window.in<views::ReportTable>("diff", "ranking");
  const auto report = window.panel("diff")->reports().front();
  int row = -1;
  for (std::size_t i = 0; i < report->tables[0].rows.size() && row < 0; ++i)
    if (std::get<std::string>(report->tables[0].rows[i].back()).find(".attn.") != std::string::npos) row = static_cast<int>(i);
  QVERIFY(row >= 0);
  VITRINE_DO(click_item(ranking, ranking->model()->index(ranking->view_row(row), 0)));
  QCOMPARE(window->host().selection().brushed.size(), std::size_t{4});
  QVERIFY(std::get<std::string>(report->tables[0].rows[static_cast<std::size_t>(row)].back())
              .starts_with("blocks." + std::to_string(window->host().selection().head.layer) + "."));
}

void TensorsTest::many_tensors_stand_at_once_and_are_arranged_beside() {
  constexpr int kCount = 25'000;
  std::vector<engine::TensorToWrite> tensors;
  const std::vector<float> value{1};
  for (int i = 0; i < kCount; ++i) tensors.push_back({.name = "layers." + std::to_string(i) + ".w", .shape = {1}, .values = value});
  const auto path = fs::path(folder_.path().toStdString()) / "many.safetensors";
  QVERIFY(engine::write_safetensors(path, tensors));
  RealWindow window;
  window->open_path(QString::fromStdString(path.string()));
  QVERIFY(wait_for([&] { return window->host().model() != nullptr; }));
  auto* tree = window.in<views::TensorTree>("tensors", "tree");
  views::TensorTreeModel& model = *tree->tensors();
  QCOMPARE(model.shown(), kCount);
  QCOMPARE(model.rowCount(), kCount);
  QVERIFY(!model.parent(model.index(7, 0)).isValid());
  const QString first = model.index(0, 0).data().toString();
  VITRINE_DO(write_over(window.in<QLineEdit>("tensors", "search"), QStringLiteral("layers.12345.w")));
  QVERIFY(wait_for([&] { return model.shown() == 1; }));
  QCOMPARE(model.index(0, 0).data().toString(), QStringLiteral("layers.12345.w"));
  window.in<QLineEdit>("tensors", "search")->clear();
  QVERIFY(wait_for([&] { return model.shown() == kCount; }));
  QCOMPARE(model.index(0, 0).data().toString(), first);
  tree->sortByColumn(views::TensorTreeModel::Name, Qt::DescendingOrder);
  QVERIFY(wait_for([&] { return model.index(0, 0).data().toString() == QStringLiteral("layers.24999.w"); }));
  QCOMPARE(model.index_of("layers.0.w").row(), kCount - 1);
  tree->set(window->host().model()->tensors, {}, false);
  QVERIFY(wait_for([&] { return model.rowCount() == 1; }));
  const QModelIndex layers = model.index(0, 0);
  QCOMPARE(model.rowCount(layers), kCount);
  QCOMPARE(model.tensor(model.index(1, 0, layers)), std::string("layers.24998.w"));
  QCOMPARE(model.parent(model.index(1, 0, layers)), layers);
}

}  // namespace

int main(int argc, char** argv) {
  return run_real(argc, argv, [] { return std::make_unique<TensorsTest>(); });
}
#include "window_tensors_test.moc"
