// One token after the other. Attention of one query over a long context, by parts that all cores share; the peer is the same kernel
// and the same parts with one key-value head a core, which three heads do not divide among two. And a whole generation with every step's attention
// rows kept, against the same without.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>

#include "engine/mixers/decode_attention.h"
#include "engine/mixers/mixing_map.h"
#include "engine/run/run.h"
#include "engine/tensor/ops.h"
#include "tests/bench/forward_models.h"
#include "tests/bench/pairs.h"

namespace {

using namespace vitrine::engine;
namespace bench = vitrine::bench;

at::Tensor plain(const Tensor& x) {
  const std::vector<float> values = x.to_floats();
  return at::from_blob(const_cast<float*>(values.data()), x.shape()).clone();
}

/// Nine queries over three heads of keys, as in SmolLM2-135M.
void split(benchmark::State& state, std::int64_t n) {
  at::set_num_threads(2);
  const Tensor q = randn({1, 9, 1, 64}, 1), k = randn({1, 3, n, 64}, 2), v = randn({1, 3, n, 64}, 3);
  const at::Tensor expected = at::scaled_dot_product_attention(plain(q), plain(k).repeat_interleave(3, 1), plain(v).repeat_interleave(3, 1));
  state.counters["difference"] = (plain(decode_attention(q, k, v, Tensor(), 0.125).z) - expected).abs().max().item<double>();
  // A step is a fraction of a millisecond: some are timed together.
  const auto steps = [&](DecodeSplit split) {
    return [&q, &k, &v, split] { for (int i = 0; i < 8; ++i) benchmark::DoNotOptimize(decode_attention(q, k, v, Tensor(), 0.125, split)); };
  };
  bench::run_pair(state, {steps(DecodeSplit::Heads), steps(DecodeSplit::Context), 1.1, 1.25});
}
BENCHMARK_CAPTURE(split, n8192, 8192)->Name("decode/3_kv_heads/n8192/peer:one_head_a_core")->Iterations(21)->UseManualTime()->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(split, n32768, 32768)->Name("decode/3_kv_heads/n32768/peer:one_head_a_core")->Iterations(21)->UseManualTime()->Unit(benchmark::kMillisecond);

/// Ratio is time with the rows kept / time without, both ours.
void capture(benchmark::State& state) {
  const bench::OpenedModel opened(bench::gpt2_small(), bench::random_weights(bench::gpt2_small()), DType::F32);
  if (!opened.error().empty()) return state.SkipWithError(opened.error().c_str());
  at::set_num_threads(2);
  std::vector<std::int64_t> ids;
  for (std::int64_t i = 0; i < 64; ++i) ids.push_back(17 + 31 * i);
  const std::map<std::string, Tensor> inputs{{"input_ids", Tensor::from_ints(ids, {1, 64})}};
  constexpr int kSteps = 48;
  const auto generated = generate(opened.model(), inputs, kSteps, {}, {}, {.maps = true}), bare = generate(opened.model(), inputs, kSteps);
  if (!generated || !bare) return state.SkipWithError(sentence((generated ? bare : generated).error()).c_str());
  double worst = generated->ids == bare->ids ? 0 : 1;
  for (const auto& [site, map] : generated->maps)
    worst = std::max(worst, (plain(*map->tile(0, 5, 0, map->rows(), 0, map->cols())).sum(1) - 1).abs().max().item<double>());
  state.counters["row_sum_error"] = worst;
  state.counters["maps_kept"] = static_cast<double>(generated->maps.size());
  bench::run_pair(state, {[&] { benchmark::DoNotOptimize(generate(opened.model(), inputs, kSteps, {}, {}, {.maps = true})); },
                          [&] { benchmark::DoNotOptimize(generate(opened.model(), inputs, kSteps)); }});
  state.counters["at_most"] = 1.03;
}
BENCHMARK(capture)->Name("decode/gpt2_small/48_tokens/rows_kept_over_not")->Iterations(11)->UseManualTime()->Unit(benchmark::kMillisecond);

}  // namespace
