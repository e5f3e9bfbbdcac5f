// From the request to open a weights file to the painted list of its tensors: a 2 GB file with 200 tensors, and files whose
// header alone is 99 MB, of 100,000 tensors and of 1,150,000.
#include <filesystem>

#include <QDockWidget>
#include <QTimer>

#include <benchmark/benchmark.h>

#include "app/window/workbench.h"
#include "engine/isolate/reader.h"
#include "tests/bench/hollow_file.h"
#include "tests/bench/window_program.h"
#include "views/panels/tensor_tree.h"

namespace {

using namespace vitrine;
namespace fs = std::filesystem;

/// Sees when the tree is painted with tensors in it.
class Painted : public QObject {
 public:
  explicit Painted(views::TensorTree* tree) : tree_(tree) { tree->viewport()->installEventFilter(this); }
  bool eventFilter(QObject*, QEvent* event) override {
    if (event->type() == QEvent::Paint && tree_->tensors()->shown() > 0) QTimer::singleShot(0, this, [this] { done = true; });
    return false;
  }
  bool done = false;

 private:
  views::TensorTree* tree_;
};

void first_screen(benchmark::State& state, const bench::WindowProgram& program, const fs::path& file) {
  for (auto _ : state) {
    app::MainWindow window(program.services());
    window.resize(1600, 1000);
    window.show();
    QElapsedTimer clock;
    clock.start();
    bench::wait_for([&] { return clock.elapsed() >= 1500; });
    auto* tree = window.bench().dock(QStringLiteral("tensors"))->widget()->findChild<views::TensorTree*>(QStringLiteral("tree"));
    Painted painted(tree);
    window.gaps().reset();
    clock.restart();
    window.open_path(QString::fromStdString(file.string()));
    const bool shown = bench::wait_for([&] { return painted.done; });
    const auto elapsed = static_cast<double>(clock.nsecsElapsed()) / 1e6;
    if (!shown) return state.SkipWithError("the list was not painted");
    state.SetIterationTime(elapsed / 1000);
    state.counters["tensors"] = tree->tensors()->shown();
    state.counters["gap_ms"] = window.gaps().largest_ms();
  }
}

}  // namespace

int main(int argc, char** argv) {
  const bench::WindowProgram program(argc, argv);
  engine::isolate::use_reader({engine::isolate::reader_program()});   // as the program does
  const fs::path folder = program.home();
  bench::write_large_file(folder / "large.safetensors");
  bench::write_long_header(folder / "header.safetensors");
  bench::write_million(folder / "million.safetensors");
  for (const char* name : {"large", "header", "million"})
    benchmark::RegisterBenchmark((std::string("first_screen/") + name).c_str(),
                                 [&program, file = folder / (std::string(name) + ".safetensors")](benchmark::State& s) { first_screen(s, program, file); })
        ->Iterations(3)->UseManualTime()->Unit(benchmark::kMillisecond);
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
