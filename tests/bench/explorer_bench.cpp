// The map explorer at 50,177 tokens (224 x 224 pixels, each of them a patch, and the class token) in the real window of
// 1920 x 1080: 600 pans and zooms while forward passes run, the first picture of a head and its exact overview; and a
// million visible cells against a quad each.
#include <atomic>
#include <chrono>
#include <filesystem>
#include <numeric>
#include <thread>

#include <QDockWidget>
#include <QMouseEvent>
#include <QWheelEvent>

#include <benchmark/benchmark.h>

#include "app/jobs/lane_priority.h"
#include "app/window/workbench.h"
#include "engine/model/model.h"
#include "engine/run/workspace.h"
#include "tests/bench/pairs.h"
#include "tests/bench/window_program.h"
#include "tests/gui/pixel_model.h"
#include "views/canvas/map_canvas.h"

namespace {

using namespace vitrine;
namespace fs = std::filesystem;
using bench::quantile;

constexpr int kActs = 600;

/// As `bench::wait_for`, as long as a map of so many tokens may take.
template <class Condition>
bool wait_for(Condition condition) {
  return bench::wait_for(condition, 240'000);
}

/// Passes of a model over an input, one after another, as the window computes its own.
class PassesMeanwhile {
 public:
  PassesMeanwhile(std::shared_ptr<const engine::Model> model, const engine::InputItem& input)
      : started_(std::chrono::steady_clock::now()), progress_([this](double fraction, std::string_view) { part_ = fraction; }),
        thread_([this, model, input] {
          app::stand_back(app::Lane::Prompt);
          while (!over_) {
            engine::Workspace workspace(model);
            if (!workspace.set_input(input) || !workspace.base(progress_)) return;
            part_ = 0;
            ++whole_;
            QMetaObject::invokeMethod(qApp, [] {}, Qt::QueuedConnection);   // who waits for it looks again
          }
        }) {}
  ~PassesMeanwhile() {
    over_ = true;
    progress_.cancel();
    thread_.join();
  }
  /// So far; the parts of one are its layers.
  [[nodiscard]] double passes() const { return whole_ + part_; }
  [[nodiscard]] double a_second() const {
    return passes() / std::chrono::duration<double>(std::chrono::steady_clock::now() - started_).count();
  }

 private:
  std::atomic<bool> over_ = false;
  std::atomic<int> whole_ = 0;
  std::atomic<double> part_ = 0;
  std::chrono::steady_clock::time_point started_;
  engine::Progress progress_;
  std::thread thread_;
};

/// The window with the model in it, its attention panel large.
class Explorer {
 public:
  Explorer(const bench::WindowProgram& program, const fs::path& folder)
      : window(program.services()) {
    window.resize(1920, 1080);
    window.show();
    input.image = folder / "picture.png";
    window.open_model(QString::fromStdString(folder.string()), input);
    QDockWidget* dock = window.bench().dock(QStringLiteral("attention"));
    map = dock->widget()->findChild<views::MapCanvas*>(QStringLiteral("map"));
    QObject::connect(&window.host(), &app::WindowHost::report, map, [this](const QString& tag, const auto&) {
      if (tag.startsWith(QStringLiteral("attention/tile/"))) (tag.endsWith(QStringLiteral(".sampled")) ? sampled : exact)[tag] = map->frames_drawn();
    });
  }
  /// Every other panel out of the way.
  void enlarge() {
    for (QDockWidget* dock : window.bench().findChildren<QDockWidget*>())
      if (dock != window.bench().dock(QStringLiteral("attention"))) dock->hide();
  }
  /// The whole map's tile is on the screen; `which`: as a sample, or exactly.
  [[nodiscard]] bool whole_shows(const std::map<QString, std::uint64_t>& which) const {
    for (const auto& [tag, frames] : which)
      if (tag.startsWith(QStringLiteral("attention/tile/8.0.0"))) return map->frames_drawn() > frames;
    return false;
  }

  app::MainWindow window;
  engine::InputItem input;
  views::MapCanvas* map = nullptr;
  std::map<QString, std::uint64_t> sampled, exact;   ///< by tag: frames drawn when the answer came
};

/// The script: zooms in on places of the map and out again, and drags between.
void act(views::MapCanvas& map, int step) {
  const QRectF plot = map.plot_rect();
  const double angle = 0.7 * (step / 60);
  const QPointF at = plot.center() + QPointF(std::cos(angle) * plot.width() / 5, std::sin(angle) * plot.height() / 5);
  const int turn = step % 60;
  if (turn < 20 || turn >= 40) {
    QWheelEvent wheel(at, map.mapToGlobal(at), {}, {0, turn < 20 ? 240 : -240}, Qt::NoButton, Qt::NoModifier, Qt::NoScrollPhase, false);
    QCoreApplication::sendEvent(&map, &wheel);
    return;
  }
  const QPointF to = at + QPointF(23.0 * (turn - 20), 11.0 * (turn - 20)), from = turn == 20 ? at : to - QPointF(23, 11);
  const auto send = [&](QEvent::Type type, QPointF where, Qt::MouseButtons held) {
    QMouseEvent mouse(type, where, map.mapToGlobal(where), type == QEvent::MouseMove ? Qt::NoButton : Qt::LeftButton, held, Qt::NoModifier);
    QCoreApplication::sendEvent(&map, &mouse);
  };
  if (turn == 20) send(QEvent::MouseButtonPress, from, Qt::LeftButton);
  send(QEvent::MouseMove, to, Qt::LeftButton);
  if (turn == 39) send(QEvent::MouseButtonRelease, to, Qt::NoButton);
}

void choose_head(Explorer& explorer, int layer, int head) {
  views::Selection selection = explorer.window.host().selection();
  selection.head = {.tower = selection.head.tower, .layer = layer, .head = head};
  explorer.sampled.clear();
  explorer.exact.clear();
  explorer.window.host().select(selection);
}

/// How long the pictures of the script's acts took, and how much of each was exact at its scale.
struct Acted {
  std::vector<double> frames, shares;
  [[nodiscard]] double exact_share() const { return std::accumulate(shares.begin(), shares.end(), 0.0) / static_cast<double>(std::max<std::size_t>(1, shares.size())); }
};

/// The script once. @param pace  ms from act to act, as hands make them; 0: the next as soon as one is drawn
bool act_all(Explorer& explorer, qint64 pace, Acted& out) {
  for (int step = 0; step < kActs; ++step) {
    const auto before = explorer.map->frames_drawn();
    QElapsedTimer clock;
    clock.start();
    act(*explorer.map, step);
    if (!wait_for([&] { return explorer.map->frames_drawn() > before; })) return false;
    out.frames.push_back(static_cast<double>(clock.nsecsElapsed()) / 1e6);
    if (const qint64 rest = pace - clock.elapsed(); rest > 0) {
      QTimer next;
      next.setTimerType(Qt::PreciseTimer);
      next.setSingleShot(true);
      next.start(static_cast<int>(rest));
      if (!wait_for([&] { return !next.isActive(); })) return false;
    }
    out.shares.push_back(explorer.map->exact_share());
  }
  return true;
}

void explore(benchmark::State& state, const bench::WindowProgram& program, const fs::path& folder) {
  Explorer explorer(program, folder);
  if (!wait_for([&] { return explorer.window.host().model() && explorer.window.host().input(); })) return state.SkipWithError("the model did not open");
  explorer.enlarge();
  if (!wait_for([&] { return explorer.whole_shows(explorer.exact); })) return state.SkipWithError("the map did not come");
  for (auto _ : state) {
    std::vector<double> first, whole;
    for (int i = 0; i < 8; ++i) {
      QElapsedTimer clock;
      clock.start();
      choose_head(explorer, i / 2 % 2, (i + 1) % 2);
      if (!wait_for([&] { return explorer.whole_shows(explorer.sampled); })) return state.SkipWithError("no sampled picture");
      first.push_back(static_cast<double>(clock.nsecsElapsed()) / 1e6);
      if (!wait_for([&] { return explorer.whole_shows(explorer.exact); })) return state.SkipWithError("no exact picture");
      whole.push_back(static_cast<double>(clock.nsecsElapsed()) / 1e6);
    }
    const auto model = engine::open_model(folder.string());
    if (!model) return state.SkipWithError(engine::sentence(model.error()).c_str());
    {
      const PassesMeanwhile alone(*model, explorer.input);
      if (!wait_for([&] { return alone.passes() >= 1; })) return state.SkipWithError("no pass");
      state.counters["passes_a_s_alone"] = alone.a_second();
    }
    const PassesMeanwhile meanwhile(*model, explorer.input);
    explorer.window.gaps().reset();
    Acted at_once, paced, more;
    if (!act_all(explorer, 0, at_once) || !act_all(explorer, 16, paced)) return state.SkipWithError("an act was not drawn");
    while (meanwhile.passes() < 1)
      if (!act_all(explorer, 0, more)) return state.SkipWithError("an act was not drawn");
    state.counters["passes_a_s"] = meanwhile.a_second();
    state.counters["frame_p50_ms"] = quantile(at_once.frames, 0.5);
    state.counters["frame_p99_ms"] = quantile(at_once.frames, 0.99);
    state.counters["frame_max_ms"] = quantile(at_once.frames, 1);
    state.counters["exact_share"] = at_once.exact_share();
    state.counters["paced_p50_ms"] = quantile(paced.frames, 0.5);
    state.counters["paced_p99_ms"] = quantile(paced.frames, 0.99);
    state.counters["paced_max_ms"] = quantile(paced.frames, 1);
    state.counters["paced_exact_share"] = paced.exact_share();
    state.counters["gap_ms"] = explorer.window.gaps().largest_ms();
    state.counters["first_ms"] = bench::median(first);
    state.counters["first_max_ms"] = quantile(first, 1);
    state.counters["exact_ms"] = bench::median(whole);
    state.counters["exact_max_ms"] = quantile(whole, 1);
    state.counters["tokens"] = static_cast<double>(explorer.map->rows());
    if (const QByteArray to = qgetenv("VITRINE_BENCH_PICTURE"); !to.isEmpty()) explorer.window.grab().save(QString::fromLocal8Bit(to));
  }
}

/// What tools do that draw a cell as a rectangle, as quickly as Dear ImGui does it: room reserved once for all of them.
class QuadsCanvas : public views::CanvasWidget {
 public:
  QuadsCanvas(std::int64_t side, std::vector<std::uint32_t> colours) : side_(side), colours_(std::move(colours)) {}
  void draw_again() { redraw(); }

 protected:
  void draw(ImDrawList& list) override {
    constexpr int kAtOnce = 8192;   // rectangles; indices have 16 bits
    const std::int64_t cells = side_ * side_;
    for (std::int64_t from = 0; from < cells; from += kAtOnce) {
      const auto count = static_cast<int>(std::min<std::int64_t>(kAtOnce, cells - from));
      list.PrimReserve(6 * count, 4 * count);
      for (std::int64_t i = from; i < from + count; ++i) {
        const auto x = static_cast<float>(i % side_), y = static_cast<float>(i / side_);
        list.PrimRect({x, y}, {x + 1, y + 1}, colours_[static_cast<std::size_t>(i)]);
      }
    }
  }

 private:
  std::int64_t side_;
  std::vector<std::uint32_t> colours_;
};

void million_cells(benchmark::State& state) {
  constexpr std::int64_t kSide = 1000;
  engine::Report report;
  engine::Array cells{.shape = {kSide, kSide}, .values = std::vector<float>(kSide * kSide)};
  std::uint32_t random = 1;
  for (float& v : cells.values) v = static_cast<float>((random = random * 1664525 + 1013904223) >> 8U) / static_cast<float>(1U << 24U);
  views::MapCanvas map;
  views::MapSettings settings;
  settings.labels = settings.color_bar = settings.grid = false;
  settings.lo = 0.F;
  settings.hi = 1.F;
  map.set_settings(settings);
  std::vector<std::uint32_t> colours;
  const views::CellInk ink({.show = views::MapCompare::First, .range = {0, 1, false}, .table = settings.table, .none = 0, .mix = 0.5F, .dark = true});
  for (const float v : cells.values) colours.push_back(ink.of(v, v));
  report.arrays.push_back(std::move(cells));
  map.set_report(std::make_shared<const engine::Report>(std::move(report)));
  QuadsCanvas quads(kSide, std::move(colours));
  map.resize(1016, 1018);
  quads.resize(1016, 1018);
  map.show();
  quads.show();
  QCoreApplication::processEvents();
  const QImage ours = map.grab_frame(), peer = quads.grab_frame();
  const QPoint origin = map.plot_rect().topLeft().toPoint();
  double apart = 0;
  // A line goes around the map.
  for (int y = 1; y < kSide - 1; ++y)
    for (int x = 1; x < kSide - 1; ++x) {
      const QRgb a = ours.pixel(origin.x() + x, origin.y() + y), b = peer.pixel(x, y);
      apart = std::max<double>(apart, std::abs(qRed(a) - qRed(b)));
    }
  // The same act for both: everything moves, everything is drawn again.
  bench::run_pair(state, {.peer = [&] { (void)quads.grab_frame(); }, .ours = [&] { (void)map.grab_frame(); }, .floor = 10});
  state.counters["difference"] = apart;
}

}  // namespace

int main(int argc, char** argv) {
  const bench::WindowProgram program(argc, argv);
  const fs::path folder = program.home() + "/pixels";
  fs::create_directory(folder);
  if (const auto written = test::write_pixel_model(folder, {.side = 224}); !written) {
    qCritical("%s", engine::sentence(written.error()).c_str());
    return 1;
  }
  benchmark::RegisterBenchmark("explorer/cells_1000000", million_cells)->Iterations(9)->UseManualTime()->Unit(benchmark::kMillisecond);
  benchmark::RegisterBenchmark("explorer/tokens_50177", [&](benchmark::State& s) { explore(s, program, folder); })->Iterations(1)->Unit(benchmark::kMillisecond);
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
