// Statistics of one head from Q, K and the rows' log-sum-exp. Peers: libtorch in stripes of 128 rows (matmul into memory that
// is kept, every elementwise step in place), and libtorch on the whole map.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <cmath>
#include <cstdio>
#include <fstream>
#include <string>

#include "engine/mixers/attention_statistics.h"
#include "tests/bench/pairs.h"

namespace {

using namespace vitrine::engine;
namespace bench = vitrine::bench;

struct Data {
  at::Tensor q, k, lse;
  HeadScores head;
};

Data make(std::int64_t n, bool causal) {
  Data data;
  at::manual_seed(1);
  const std::int64_t d = 64;
  data.q = at::randn({n, d});
  data.k = at::randn({n, d});
  std::vector<at::Tensor> parts;
  for (std::int64_t r = 0; r < n; r += 1024) {
    at::Tensor s = at::matmul(data.q.slice(0, r, r + 1024), data.k.t()) * 0.125;
    if (causal) s.masked_fill_(at::ones_like(s).triu_(r + 1).to(at::kBool), -1e30);
    parts.push_back(at::logsumexp(s, {1}));
  }
  data.lse = at::cat(parts);
  data.head = {.q = data.q.data_ptr<float>(), .k = data.k.data_ptr<float>(), .lse = data.lse.data_ptr<float>(), .rows = n, .cols = n, .d = d,
               .scale = 0.125F, .causal = causal};
  return data;
}

struct Peer {
  at::Tensor entropy, distance, top, received;
};

/// The same numbers by libtorch, `stripe` rows at a time.
Peer by_stripes(const Data& data, std::int64_t stripe, int top_k) {
  const std::int64_t n = data.head.rows;
  Peer out{at::empty({n}), at::empty({n}), at::empty({n, std::max(1, top_k)}), at::zeros({n})};
  const at::Tensor keys = data.k.t(), place = at::arange(n, at::kFloat);
  at::Tensor scores = at::empty({stripe, n}), work = at::empty({stripe, n});
  for (std::int64_t r = 0; r < n; r += stripe) {
    const std::int64_t end = std::min(n, r + stripe), rows = end - r;
    at::Tensor s = scores.slice(0, 0, rows), w = work.slice(0, 0, rows);
    at::addmm_out(s, data.lse.slice(0, r, end).unsqueeze(1).expand({rows, n}), data.q.slice(0, r, end), keys, -1.0, 0.125);
    at::exp_out(w, s);
    out.received.add_(w.sum(0));
    at::Tensor largest = out.top.slice(0, r, end);
    if (top_k > 1) largest.copy_(std::get<0>(w.topk(top_k, 1)));
    else largest.copy_(std::get<0>(w.max(1, true)));
    s.mul_(w);
    out.entropy.slice(0, r, end).copy_(s.sum(1).neg_());
    at::sub_out(s, place.unsqueeze(0).expand({rows, n}), place.slice(0, r, end).unsqueeze(1));
    out.distance.slice(0, r, end).copy_(s.abs_().mul_(w).sum(1));
  }
  return out;
}

/// As it is written down: the map, its logarithm, and a reduction for each number.
Peer by_the_map(const Data& data) {
  const std::int64_t n = data.head.rows;
  const at::Tensor p = at::softmax(at::matmul(data.q, data.k.t()) * 0.125, -1);
  const at::Tensor place = at::arange(n, at::kFloat);
  return {-(p * at::log(p + 1e-30)).sum(1), (p * (place.unsqueeze(0) - place.unsqueeze(1)).abs()).sum(1), std::get<0>(p.max(1, true)), p.sum(0)};
}

double worst(const Peer& peer, const HeadStatistics& ours) {
  const auto difference = [](const at::Tensor& a, const std::vector<float>& b) {
    const at::Tensor other = at::from_blob(const_cast<float*>(b.data()), {static_cast<std::int64_t>(b.size())});
    return ((a.flatten() - other).abs() / other.abs().clamp_min(1)).max().item<double>();
  };
  return std::max({difference(peer.entropy, ours.entropy), difference(peer.distance, ours.distance), difference(peer.top, ours.top),
                   difference(peer.received, ours.received)});
}

void stripes(benchmark::State& state) {
  const Data data = make(8192, false);
  const auto ours = attention_statistics(data.head, {});
  state.counters["difference"] = worst(by_stripes(data, 128, 1), *ours);
  bench::run_pair(state, {[&] { by_stripes(data, 128, 1); }, [&] { benchmark::DoNotOptimize(attention_statistics(data.head, {})); }, 1.7, 2.4});
}
BENCHMARK(stripes)->Name("statistics/n8192/peer:stripes_of_128")->Iterations(11)->UseManualTime()->Unit(benchmark::kMillisecond);

void whole(benchmark::State& state) {
  const Data data = make(8192, false);
  const auto ours = attention_statistics(data.head, {});
  state.counters["difference"] = worst(by_the_map(data), *ours);
  bench::run_pair(state, {[&] { by_the_map(data); }, [&] { benchmark::DoNotOptimize(attention_statistics(data.head, {})); }, 9, 20});
}
BENCHMARK(whole)->Name("statistics/n8192/peer:whole_map")->Iterations(7)->UseManualTime()->Unit(benchmark::kMillisecond);

/// Ratio is time of the causal map / time of the full one.
void causal(benchmark::State& state) {
  const Data full = make(8192, false), half = make(8192, true);
  bench::run_pair(state, {[&] { benchmark::DoNotOptimize(attention_statistics(half.head, {})); },
                          [&] { benchmark::DoNotOptimize(attention_statistics(full.head, {})); }});
  state.counters["at_most"] = 0.55;
}
BENCHMARK(causal)->Name("statistics/n8192/causal_over_full")->Iterations(11)->UseManualTime()->Unit(benchmark::kMillisecond);

/// Ratio is time with the eight largest weights / time without any.
void largest(benchmark::State& state) {
  const Data data = make(8192, false);
  bench::run_pair(state, {[&] { benchmark::DoNotOptimize(attention_statistics(data.head, {.top_k = 8})); },
                          [&] { benchmark::DoNotOptimize(attention_statistics(data.head, {.top_k = 0})); }});
  state.counters["at_most"] = 1.15;
}
BENCHMARK(largest)->Name("statistics/n8192/top8_over_none")->Iterations(11)->UseManualTime()->Unit(benchmark::kMillisecond);

/// Largest resident size of the process so far, in kB.
std::int64_t peak_kb(const char* field) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with(field)) return std::stoll(line.substr(line.find(':') + 1));
  return 0;
}

void image(benchmark::State& state) {
  const Data data = make(50176, false);
  std::ofstream("/proc/self/clear_refs") << "5";   // the peak starts again from here
  const std::int64_t before = peak_kb("VmRSS");
  for (auto _ : state) benchmark::DoNotOptimize(attention_statistics(data.head, {.columns = false}));
  state.counters["growth_MB"] = static_cast<double>(peak_kb("VmHWM") - before) / 1024;
  state.counters["ns_a_cell"] = benchmark::Counter(50176.0 * 50176.0 * 1e-9, benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
  state.counters["at_most_ns"] = 0.5;
}
BENCHMARK(image)->Name("statistics/n50176/rows")->Iterations(3)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
