// A forward pass after which every attention map can be read. Peers: libtorch's operators with the maps kept as tensors, and with
// fused attention and no maps. Text models give the logits of every position, in ours and in the peers; BERT its last hidden state.
#include <cstdio>
#include <fstream>
#include <memory>
#include <optional>

#include "engine/mixers/mixing_map.h"
#include "engine/run/run.h"
#include "engine/tensor/memory_pool.h"
#include "tests/bench/forward_models.h"
#include "tests/bench/pairs.h"
#include "tests/bench/peaks.h"

namespace {

using namespace vitrine::engine;
namespace bench = vitrine::bench;

/// One model at a time: ours and the peer from the same weights.
struct Setup {
  Setup(const bench::Family& family, DType dtype)
      : family(family), dtype(dtype), weights(bench::random_weights(family)), ours(family, weights, dtype),
        peer(family, weights, dtype == DType::BF16 ? at::kBFloat16 : at::kFloat) {}
  bench::Family family;
  DType dtype;
  bench::Weights weights;
  bench::OpenedModel ours;
  bench::LibtorchModel peer;
};

Setup& setup(const bench::Family& family, DType dtype = DType::F32) {
  static std::unique_ptr<Setup> current;
  if (!current || current->family.name != family.name || current->dtype != dtype) {
    current.reset();
    current = std::make_unique<Setup>(family, dtype);
  }
  return *current;
}

struct Input {
  at::Tensor peer;
  std::map<std::string, Tensor> ours;
  std::int64_t tokens = 0;
};

Input input_for(const bench::Family& family, std::int64_t n) {
  at::manual_seed(2);
  if (family.image) {
    const at::Tensor pixels = at::randn({1, 3, family.image, family.image});
    return {pixels, {{"pixel_values", Tensor::from_floats({pixels.const_data_ptr<float>(), static_cast<std::size_t>(pixels.numel())}, pixels.sizes().vec())}}, n};
  }
  const at::Tensor ids = at::randint(family.vocab, {1, n}, at::kLong);
  return {ids, {{"input_ids", Tensor::from_ints({ids.const_data_ptr<std::int64_t>(), static_cast<std::size_t>(n)}, {1, n})}}, n};
}

std::shared_ptr<const Run> run(const Setup& s, const Input& in, bool capture = true) {
  auto done = run_model(s.ours.model(), {.inputs = in.ours, .capture_maps = capture});
  return done ? *done : nullptr;
}

at::Tensor plain(const Tensor& x) {
  const std::vector<float> values = x.to_floats();
  return at::from_blob(const_cast<float*>(values.data()), x.shape()).clone();
}

double largest(const at::Tensor& difference) { return difference.abs().max().item<double>(); }

/// Every cell of every map and of the output against the peer's.
void compare(benchmark::State& state, const Setup& s, const Input& in) {
  const auto mine = run(s, in);
  const auto theirs = s.peer.forward(in.peer, true);
  const at::Tensor out = plain(mine->outputs.at(mine->outputs.contains("logits") ? "logits" : "last_hidden_state"));
  state.counters["difference"] = largest(out - theirs.out.to(at::kFloat)) / largest(theirs.out.to(at::kFloat));
  double worst = 0;
  for (std::size_t layer = 0; layer < theirs.maps.size(); ++layer) {
    const auto& map = mine->maps.at("blocks." + std::to_string(layer) + ".attn");
    for (int head = 0; head < map->heads(); ++head)
      worst = std::max(worst, largest(plain(*map->tile(0, head, 0, map->rows(), 0, map->cols())) - theirs.maps[layer][0][head].to(at::kFloat)));
  }
  state.counters["map_difference"] = worst;
}

struct Row {
  bench::Family family;
  std::int64_t n;
  DType dtype;
  bool maps_of_peer;
  double floor, goal;
};

void forward(benchmark::State& state, const Row& row) {
  const Setup& s = setup(row.family, row.dtype);
  if (!s.ours.error().empty()) return state.SkipWithError(s.ours.error().c_str());
  const Input in = input_for(row.family, row.n);
  if (!run(s, in)) return state.SkipWithError("the model did not run");
  compare(state, s, in);
  bench::run_pair(state, {[&] { benchmark::DoNotOptimize(s.peer.forward(in.peer, row.maps_of_peer)); },
                          [&] { benchmark::DoNotOptimize(run(s, in)); }, row.floor, row.goal});
  if (row.dtype != DType::F32) return;
  const double peak = bench::measured_fma_peak(), flops = s.peer.flops(row.n);
  state.counters["peak_GF"] = peak * 1e-9;
  state.counters["share_of_peak"] = flops / (1e-3 * state.counters["ours_ms"].value) / peak;
  state.counters["peer_share"] = flops / (1e-3 * state.counters["peer_ms"].value) / peak;
}

/// Ratio is time with the maps kept / time without, both ours.
void capture(benchmark::State& state, std::int64_t n) {
  const Setup& s = setup(bench::gpt2_small());
  if (!s.ours.error().empty()) return state.SkipWithError(s.ours.error().c_str());
  const Input in = input_for(s.family, n);
  bench::run_pair(state, {[&] { benchmark::DoNotOptimize(run(s, in, true)); }, [&] { benchmark::DoNotOptimize(run(s, in, false)); }});
  state.counters["at_most"] = 1.05;
}

/// In use: without what the pool keeps for the next pass.
std::int64_t resident_kb() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmRSS")) return std::stoll(line.substr(line.find(':') + 1)) - idle_pool_bytes() / 1024;
  return 0;
}

/// What a pass over 4,096 tokens keeps more for its maps, and how long a tile of one takes.
void long_text(benchmark::State& state) {
  const Setup& s = setup(bench::gpt2_small());
  if (!s.ours.error().empty()) return state.SkipWithError(s.ours.error().c_str());
  const Input in = input_for(s.family, 4096);
  const std::int64_t before = resident_kb();
  auto held = run(s, in, false);
  const std::int64_t without = resident_kb() - before;
  held.reset();
  const std::int64_t again = resident_kb();
  held = run(s, in, true);
  state.counters["extra_MB"] = static_cast<double>(resident_kb() - again - without) / 1024;
  state.counters["at_most_MB"] = 400;
  std::vector<double> tile_ms;
  double worst_sum = 0;
  for (auto _ : state)
    for (const auto& [site, map] : held->maps)
      for (int head = 0; head < map->heads(); ++head) {
        const std::int64_t row = 256 * ((head * 5) % 16), col = 256 * ((head * 3) % 16);
        tile_ms.push_back(1e3 * bench::seconds([&] { benchmark::DoNotOptimize(map->tile(0, head, row, row + 256, col, col + 256)); }));
        worst_sum = std::max(worst_sum, largest(plain(*map->tile(0, head, row, row + 1, 0, 4096)).sum(1) - 1));
      }
  state.counters["tile_ms"] = bench::median(tile_ms);
  state.counters["tile_worst_ms"] = *std::max_element(tile_ms.begin(), tile_ms.end());
  state.counters["row_sum_error"] = worst_sum;
  state.counters["at_most_ms"] = 1;
}

void add_forward(const Row& row, int pairs) {
  const std::string name = "forward/" + row.family.name + "/n" + std::to_string(row.n) + (row.dtype == DType::BF16 ? "/bf16" : "") +
                           (row.maps_of_peer ? "/peer:libtorch_with_maps" : "/peer:libtorch_fused_no_maps");
  benchmark::RegisterBenchmark(name.c_str(), forward, row)->Iterations(pairs)->UseManualTime()->Unit(benchmark::kMillisecond);
}

const bool added = [] {
  const bench::Family gpt2 = bench::gpt2_small(), bert = bench::bert_base(), vit = bench::vit_b16();
  for (const bool maps : {true, false}) {
    add_forward({gpt2, 128, DType::F32, maps, maps ? 1.8 : 1.6, maps ? 2.6 : 2.4}, 21);
    add_forward({gpt2, 1024, DType::F32, maps, maps ? 2.5 : 1.6, maps ? 5 : 2.4}, 7);
  }
  for (const std::int64_t n : {128, 1024})
    benchmark::RegisterBenchmark(("capture_on_over_off/gpt2_small/n" + std::to_string(n)).c_str(), capture, n)->Iterations(n == 128 ? 21 : 9)->UseManualTime()->Unit(benchmark::kMillisecond);
  benchmark::RegisterBenchmark("maps_kept/gpt2_small/n4096", long_text)->Iterations(1)->Unit(benchmark::kMillisecond);
  for (const std::int64_t n : {128, 512})
    for (const bool maps : {true, false}) add_forward({bert, n, DType::F32, maps, maps ? 1.8 : 1.6, maps ? 2.6 : 2.4}, n == 128 ? 21 : 11);
  for (const bool maps : {true, false}) add_forward({vit, 197, DType::F32, maps, maps ? 1.8 : 1.6, maps ? 2.6 : 2.4}, 21);
  add_forward({gpt2, 128, DType::BF16, true, 1.2, 1.6}, 21);
  add_forward({gpt2, 1024, DType::BF16, true, 1.2, 1.6}, 7);
  add_forward({bert, 512, DType::BF16, true, 1.2, 1.6}, 11);
  add_forward({vit, 197, DType::BF16, true, 1.2, 1.6}, 21);
  return true;
}();

}  // namespace
