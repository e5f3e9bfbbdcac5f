// Maps too large to hold, in the real window: tiles first sampled, then exact, against the whole map computed beside it.
#include <cmath>
#include <filesystem>

#include <QToolButton>

#include "engine/model/model.h"
#include "engine/run/workspace.h"
#include "pixel_model.h"
#include "real_window.h"
#include "views/canvas/map_canvas.h"
#include "views/panels/head_spin.h"

using namespace vitrine;
using namespace vitrine::test;
namespace fs = std::filesystem;

namespace {

constexpr std::int64_t kSide = 48, kTokens = kSide * kSide + 1;

class ExplorerTest : public QObject {
  Q_OBJECT
 private slots:
  void initTestCase();
  void every_level_shows_the_largest_of_its_blocks();
  void a_cell_looked_at_closely_is_the_maps_own();
  void what_is_panned_past_is_not_waited_for();
  void two_heads_stand_in_one_picture();

 private:
  /// The whole map of a head, [query, key], by one tile of all of it.
  std::vector<float> truth(int layer, int head);
  bool open(RealWindow& window);
  static bool exact(RealWindow& window);
  static views::MapCanvas* map(RealWindow& window) { return window.in<views::MapCanvas>("attention", "map"); }

  QTemporaryDir folder_;
  std::shared_ptr<const engine::Model> model_;
  std::shared_ptr<const engine::Run> run_;
};

void ExplorerTest::initTestCase() {
  const fs::path folder = folder_.path().toStdString();
  const auto written = write_pixel_model(folder, {.side = kSide});
  QVERIFY2(written, written ? "" : engine::sentence(written.error()).c_str());
  const auto model = engine::open_model(folder.string());
  QVERIFY2(model, model ? "" : engine::sentence(model.error()).c_str());
  model_ = *model;
  engine::Workspace workspace(model_);
  engine::InputItem input;
  input.image = folder / "picture.png";
  QVERIFY(workspace.set_input(input));
  const auto run = workspace.base();
  QVERIFY2(run, run ? "" : engine::sentence(run.error()).c_str());
  run_ = *run;
}

std::vector<float> ExplorerTest::truth(int layer, int head) {
  for (const auto& [site, map] : run_->maps)
    if (site.find("blocks." + std::to_string(layer) + ".") != site.npos) return map->tile(0, head, 0, kTokens, 0, kTokens)->to_floats();
  return {};
}

bool ExplorerTest::open(RealWindow& window) {
  engine::InputItem input;
  input.image = fs::path(folder_.path().toStdString()) / "picture.png";
  window->open_model(folder_.path(), input);
  return wait_for([&] { return window->host().model() && window->host().input(); }) && wait_for([&] { return exact(window); });
}

bool ExplorerTest::exact(RealWindow& window) {
  return window.settle({"attention"}) && line_text(window.in<QWidget>("attention", "numbers")).endsWith(QStringLiteral("exact"));
}

void ExplorerTest::every_level_shows_the_largest_of_its_blocks() {
  RealWindow window;
  QVERIFY(open(window));
  const std::vector<float> cells = truth(0, 0);
  QCOMPARE(cells.size(), static_cast<std::size_t>(kTokens * kTokens));
  std::map<QString, std::shared_ptr<const engine::Report>> tiles;
  QObject::connect(&window->host(), &app::WindowHost::report, &*window, [&](const QString& tag, std::shared_ptr<const engine::Report> report) { tiles[tag] = report; });
  for (int level = 0; level <= 4; ++level) {
    const std::int64_t block = std::int64_t{1} << level, side = (kTokens + block - 1) / block;
    const QString tag = QStringLiteral("test/%1").arg(level);
    window->host().request(tag, "attention_tile", nlohmann::json{{"layer", 0}, {"head", 0}, {"level", level}, {"row", 0}, {"col", 0}}, true, views::Pace::Prompt);
    QVERIFY(wait_for([&] { return tiles.count(tag) > 0; }));
    const engine::Array& tile = tiles[tag]->arrays.at(0);
    QCOMPARE(tile.shape, (std::vector<std::int64_t>{std::min<std::int64_t>(side, 256), std::min<std::int64_t>(side, 256)}));
    for (std::int64_t r = 0; r < tile.shape[0]; ++r)
      for (std::int64_t c = 0; c < tile.shape[1]; ++c) {
        float most = 0;
        for (std::int64_t y = r * block; y < std::min(kTokens, (r + 1) * block); ++y)
          for (std::int64_t x = c * block; x < std::min(kTokens, (c + 1) * block); ++x) most = std::max(most, cells[static_cast<std::size_t>(y * kTokens + x)]);
        const float shown = tile.values[static_cast<std::size_t>(r * tile.shape[1] + c)];
        QVERIFY2(std::abs(shown - most) <= 1e-6F + 1e-5F * most, qPrintable(QStringLiteral("level %1 cell %2, %3: %4, not %5").arg(level).arg(r).arg(c).arg(shown).arg(most)));
      }
    QVERIFY(tiles[tag]->verified.ok);
  }
}

void ExplorerTest::a_cell_looked_at_closely_is_the_maps_own() {
  RealWindow window;
  QVERIFY(open(window));
  const std::vector<float> cells = truth(0, 0);
  views::MapCanvas& canvas = *map(window);
  QCOMPARE(canvas.rows(), kTokens);
  const int query = 1500, key = 700;
  canvas.zoom(4000, canvas.cell_centre(query, key));
  canvas.reveal(query, key);
  QVERIFY(wait_for([&] { return canvas.probe(query, key).value.has_value() && canvas.probe(query, key).rank > 0; }));
  const float* row = cells.data() + static_cast<std::ptrdiff_t>(query) * kTokens;
  QVERIFY(std::abs(*canvas.probe(query, key).value - row[key]) <= 1e-6F);
  const auto larger = std::count_if(row, row + kTokens, [&](float v) { return v > row[key]; });
  QVERIFY(std::abs(canvas.probe(query, key).rank - 1 - larger) <= 2);   // neighbours within a rounding may change places
  VITRINE_DO(click(&canvas, canvas.cell_centre(query, key).toPoint()));
  QCOMPARE(window->host().selection().token, query);
  QCOMPARE(window->host().selection().key, key);
}

void ExplorerTest::what_is_panned_past_is_not_waited_for() {
  RealWindow window;
  QVERIFY(open(window));
  views::MapCanvas& canvas = *map(window);
  int answered = 0;
  QObject::connect(&window->host(), &app::WindowHost::report, &*window, [&](const QString& tag, const auto&) { answered += tag.startsWith(QStringLiteral("attention/tile/0.")) ? 1 : 0; });
  int asked = 0;
  canvas.zoom(4000, canvas.cell_centre(100, 100));
  // From corner to corner, faster than tiles can come: a picture of each place, and no turn of the loop for answers.
  for (int step = 0; step < 81; ++step) {
    const int row = step / 9 * 256 + 100, col = step % 9 * 256 + 100;
    canvas.reveal(std::min<int>(row, kTokens - 1), std::min<int>(col, kTokens - 1));
    (void)canvas.grab_frame();
    ++asked;
  }
  QVERIFY(wait_for([&] { return exact(window); }));
  QVERIFY2(answered < asked / 2, qPrintable(QStringLiteral("%1 of %2 places were computed").arg(answered).arg(asked)));
  const auto last = canvas.cell_at(canvas.plot_rect().center());
  QVERIFY(last && wait_for([&] { return canvas.cell_color(last->first, last->second).has_value(); }));
}

void ExplorerTest::two_heads_stand_in_one_picture() {
  RealWindow window;
  QVERIFY(open(window));
  VITRINE_DO(click(window.in<QToolButton>("attention", "compare")));
  auto* other = window.in<views::HeadSpin>("attention", "other");
  QVERIFY(wait_for([&] { return other->isVisible(); }));
  other->setValue(1);
  views::MapCanvas& canvas = *map(window);
  QVERIFY(wait_for([&] { return canvas.compares() && exact(window); }));
  const std::vector<float> first = truth(0, 0), second = truth(other->layer(), other->head());
  canvas.zoom(4000, canvas.cell_centre(40, 41));
  canvas.reveal(40, 41);
  QVERIFY(wait_for([&] { return canvas.probe(40, 41).value.has_value() && canvas.probe(40, 41).second.has_value(); }));
  const auto at = static_cast<std::size_t>(40 * kTokens + 41);
  QVERIFY(std::abs(*canvas.probe(40, 41).value - first[at]) <= 1e-6F);
  QVERIFY(std::abs(*canvas.probe(40, 41).second - second[at]) <= 1e-6F);
}

}  // namespace

int main(int argc, char** argv) {
  return run_real(argc, argv, [] { return std::make_unique<ExplorerTest>(); });
}
#include "window_explorer_test.moc"
