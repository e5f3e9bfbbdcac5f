// From switching a head in the real window to the frame that shows the new numbers, and the longest pause of the event
// loop meanwhile. Every panel of the Prune layout is on screen, the evaluation set and a ranking fill in behind.
#include <filesystem>
#include <map>

#include <QDockWidget>

#include <benchmark/benchmark.h>

#include "app/window/workbench.h"
#include "engine/model/model.h"
#include "engine/run/parity.h"
#include "tests/bench/window_program.h"
#include "views/panels/part_tree.h"

namespace {

using namespace vitrine;
using app::MainWindow;
using bench::quantile;
using bench::wait_for;

constexpr int kToggles = 60;

/// 64 tokens for the language model.
const char* const kParagraph =
    "When the ship came into the harbour the captain stood on the deck and counted the lights along the quay, as he had done "
    "every autumn for thirty years. Nobody waited for him. The letters had stopped in March, and the house on the hill was "
    "dark, but he walked up the road all the same, because";

/// When the last of the answers with these tags was painted; below 0 while one is missing.
double painted(const MainWindow& window, std::initializer_list<const char*> tags) {
  double last = 0;
  for (const char* tag : tags) {
    double ms = -1;
    for (const auto& shown : window.frames().shown())
      if (shown.whole && shown.tag == QLatin1String(tag) && ms < 0) ms = shown.ms;
    if (ms < 0) return -1;
    last = std::max(last, ms);
  }
  return last;
}

/// For a person who reads why a wait failed.
std::string on_screen(const MainWindow& window) {
  std::string tags;
  for (const auto& shown : window.frames().shown()) tags += shown.tag.toStdString() + (shown.whole ? " " : "... ");
  return tags.empty() ? "nothing" : tags;
}

struct Times {
  std::map<QString, std::vector<double>> by_tag;
  std::vector<double> numbers, all, measured;
  double gap = 0;
};

/// Switches one head after another off and on by the box a person would click.
bool toggle_heads(MainWindow& window, Times& times) {
  auto* tree = window.bench().dock(QStringLiteral("pruning"))->widget()->findChild<views::PartTree*>(QStringLiteral("parts"));
  const auto tower = window.host().model()->towers.front();
  const auto layers = static_cast<int>(tower.heads_per_layer.size());
  window.gaps().reset();
  for (int i = 0; i < kToggles; ++i) {
    const int layer = (i / 2) * 5 % layers;
    const int head = (i / 2) * 7 % tower.heads_per_layer[static_cast<std::size_t>(layer)];
    auto* box = tree->item_of({views::PartRef::Kind::Head, tower.prefix, layer, head});
    if (!box) return false;
    box->setCheckState(0, box->checkState(0) == Qt::Checked ? Qt::Unchecked : Qt::Checked);
    const auto all = [&] { return painted(window, {"pruning/effect", "input/predictions", "heads/stats", "heads/grid", "attention/map"}); };
    if (!wait_for([&] { return all() >= 0; })) return false;
    times.numbers.push_back(painted(window, {"pruning/effect", "input/predictions"}));
    times.all.push_back(all());
    for (const auto& shown : window.frames().shown()) if (shown.whole) times.by_tag[shown.tag].push_back(shown.ms);
    if (i % 6 == 5) {
      if (!wait_for([&] { return painted(window, {"pruning/measured"}) >= 0; })) return false;
      times.measured.push_back(painted(window, {"pruning/measured"}));
    }
  }
  times.gap = window.gaps().largest_ms();
  return true;
}

void window_toggle(benchmark::State& state, const bench::WindowProgram& program, const std::string& model, const std::string& text) {
  MainWindow window(program.services());
  window.resize(1600, 1000);
  window.show();
  QObject::connect(&window.host(), &app::WindowHost::refused, &window, [](const QString& why) { qInfo("refused: %s", qPrintable(why)); });
  engine::InputItem input;
  if (!text.empty()) input.text = text;
  window.open_model(QString::fromStdString(model), input);
  if (!wait_for([&] { return window.host().model() && window.host().input(); })) return state.SkipWithError("the model did not open");
  window.gaps().reset();
  window.actions().find(QStringLiteral("layout_Prune"))->trigger();
  if (!wait_for([&] { return painted(window, {"heads/grid", "attention/map", "pruning/measured"}) >= 0; }))
    return state.SkipWithError(("the first numbers did not come; on screen: " + on_screen(window)).c_str());
  const double opening_gap = window.gaps().largest_ms();
  for (auto _ : state) {
    Times times;
    if (!toggle_heads(window, times)) return state.SkipWithError(("an answer did not come; on screen: " + on_screen(window)).c_str());
    state.counters["p50_ms"] = quantile(times.numbers, 0.5);
    state.counters["p95_ms"] = quantile(times.numbers, 0.95);
    state.counters["all_p50_ms"] = quantile(times.all, 0.5);
    state.counters["all_p95_ms"] = quantile(times.all, 0.95);
    state.counters["measured_p50_ms"] = quantile(times.measured, 0.5);
    state.counters["gap_ms"] = times.gap;
    state.counters["opening_gap_ms"] = opening_gap;
    if (qEnvironmentVariableIsSet("VITRINE_BENCH_TAGS"))
      for (const auto& [tag, ms] : times.by_tag) qInfo("  %-24s p50 %.1f p95 %.1f", qPrintable(tag), quantile(ms, 0.5), quantile(ms, 0.95));
  }
}

}  // namespace

int main(int argc, char** argv) {
  const bench::WindowProgram program(argc, argv);
  const auto add = [&](const std::string& name, const std::string& model, const std::string& text) {
    benchmark::RegisterBenchmark(("window_toggle/" + name).c_str(), [&program, model, text](benchmark::State& s) { window_toggle(s, program, model, text); })
        ->Iterations(1)->Unit(benchmark::kMillisecond);
  };
  for (const auto& name : engine::demo_names()) add(name, "demo:" + name, {});
  const auto real = engine::user_models_folder() / "SmolLM2-135M-Instruct";
  std::error_code ignored;
  if (std::filesystem::exists(real, ignored)) add("SmolLM2_64_tokens", real.string(), kParagraph);
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
