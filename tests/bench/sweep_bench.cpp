// Many variants of one run: every head switched off, every (position, layer, head) patched; logits of the last token. The peer is
// a loop: one pass of libtorch's operators per variant (at::linear with q, k and v in one matrix, fused attention, in-place
// gelu and sums, the head over the last token alone). Passes of the loop cost the same, so that of long loops every k-th is run
// and its time counts k times.
#include <cmath>
#include <numeric>

#include <ATen/Parallel.h>

#include "engine/run/sweep.h"
#include "engine/tensor/guard.h"
#include "tests/bench/forward_models.h"
#include "tests/bench/pairs.h"

namespace {

using namespace vitrine::engine;
namespace bench = vitrine::bench;

constexpr std::int64_t kLayers = 12, kHeads = 12, kWidth = 768, kHead = 64;

/// What is done to z of one layer: [1, head, token, d_head] in place.
using Change = std::function<void(at::Tensor& z)>;

class Loop {
 public:
  explicit Loop(const bench::Weights& w) : tokens_(w.at("wte.weight")), positions_(w.at("wpe.weight")), norm_(w.at("ln_f.weight")), norm_bias_(w.at("ln_f.bias")) {
    for (std::int64_t i = 0; i < kLayers; ++i) {
      const std::string h = "h." + std::to_string(i) + ".";
      const auto turned = [&](const char* name) { return w.at(h + name + ".weight").t().contiguous(); };
      const auto get = [&](const char* name) { return w.at(h + name); };
      layers_.push_back({turned("attn.c_attn"), get("attn.c_attn.bias"), turned("attn.c_proj"), get("attn.c_proj.bias"), turned("mlp.c_fc"), get("mlp.c_fc.bias"),
                         turned("mlp.c_proj"), get("mlp.c_proj.bias"), get("ln_1.weight"), get("ln_1.bias"), get("ln_2.weight"), get("ln_2.bias")});
    }
  }

  /// Logits of the last token, [vocab]; `zs` gets z of every layer if given.
  at::Tensor pass(const at::Tensor& ids, std::int64_t layer, const Change& change, std::vector<at::Tensor>* zs = nullptr) const {
    const c10::InferenceMode no_gradients;
    const std::int64_t n = ids.size(1);
    at::Tensor x = at::embedding(tokens_, ids).add_(positions_.slice(0, 0, n));
    for (std::int64_t l = 0; l < kLayers; ++l) {
      const Layer& w = layers_[static_cast<std::size_t>(l)];
      const auto qkv = at::linear(at::layer_norm(x, {kWidth}, w.norm1, w.norm1_bias), w.qkv, w.qkv_bias).view({1, n, 3, kHeads, kHead}).permute({2, 0, 3, 1, 4}).unbind(0);
      at::Tensor z = at::scaled_dot_product_attention(qkv[0], qkv[1], qkv[2], {}, 0.0, true);
      if (zs) zs->push_back(z.clone());
      if (l == layer) change(z);
      x.add_(at::linear(z.transpose(1, 2).reshape({1, n, kWidth}), w.out, w.out_bias));
      at::Tensor wide = at::linear(at::layer_norm(x, {kWidth}, w.norm2, w.norm2_bias), w.in, w.in_bias);
      x.add_(at::linear(at::gelu_(wide, "tanh"), w.down, w.down_bias));
    }
    return at::linear(at::layer_norm(x.slice(1, n - 1, n), {kWidth}, norm_, norm_bias_), tokens_).view({-1});
  }

 private:
  struct Layer {
    at::Tensor qkv, qkv_bias, out, out_bias, in, in_bias, down, down_bias, norm1, norm1_bias, norm2, norm2_bias;
  };
  std::vector<Layer> layers_;
  at::Tensor tokens_, positions_, norm_, norm_bias_;
};

struct Setup {
  Setup() : weights(bench::random_weights(bench::gpt2_small())), loop(weights), f32(bench::gpt2_small(), weights, DType::F32) {}
  bench::Weights weights;
  Loop loop;
  bench::OpenedModel f32;
};

const Setup& setup() {
  static const Setup made;
  return made;
}

const bench::OpenedModel& in_bf16() {
  static const bench::OpenedModel made(bench::gpt2_small(), setup().weights, DType::BF16);
  return made;
}

at::Tensor ids_of(std::int64_t n, std::uint64_t seed) {
  at::manual_seed(seed);
  return at::randint(50257, {1, n}, at::kLong);
}

std::map<std::string, Tensor> inputs_of(const at::Tensor& ids) {
  return {{"input_ids", Tensor::from_ints({ids.const_data_ptr<std::int64_t>(), static_cast<std::size_t>(ids.numel())}, ids.sizes().vec())}};
}

/// Logits of every variant, by the product's sweep.
std::vector<at::Tensor> ours(const Model& model, const SweepRequest& request, bool keep, std::string* error) {
  std::vector<at::Tensor> all(request.variants.size());
  const auto done = sweep(model, request, [&](std::size_t v, const std::map<std::string, Tensor>& outputs) -> Status {
    const Tensor& logits = outputs.at("logits");
    if (keep) {
      const std::vector<float> values = logits.to_floats();
      all[v] = at::from_blob(const_cast<float*>(values.data()), {logits.numel()}).clone();
    }
    return {};
  });
  if (!done) *error = sentence(done.error());
  return all;
}

SweepRequest ablations(const at::Tensor& ids) {
  SweepRequest request{.inputs = inputs_of(ids), .last_token = true};
  for (std::int64_t l = 0; l < kLayers; ++l)
    for (std::int64_t h = 0; h < kHeads; ++h) request.variants.push_back({Edit{.site = "blocks." + std::to_string(l) + ".attn.hook_z", .heads = {h}, .op = EditOp::Zero}});
  return request;
}

/// The change of variant v for the loop.
struct Peer {
  const Loop& loop;
  at::Tensor ids;
  std::function<std::pair<std::int64_t, Change>(std::size_t v)> change;
  [[nodiscard]] at::Tensor operator()(std::size_t v) const {
    const auto [layer, what] = change(v);
    return loop.pass(ids, layer, what);
  }
};

double spearman(const std::vector<double>& a, const std::vector<double>& b) {
  const auto ranks = [](const std::vector<double>& v) {
    std::vector<std::size_t> order(v.size());
    std::iota(order.begin(), order.end(), 0);
    std::sort(order.begin(), order.end(), [&](std::size_t i, std::size_t j) { return v[i] < v[j]; });
    std::vector<double> rank(v.size());
    for (std::size_t r = 0; r < order.size(); ++r) rank[order[r]] = static_cast<double>(r);
    return rank;
  };
  const auto x = ranks(a), y = ranks(b);
  const auto n = static_cast<double>(a.size());
  double squares = 0;
  for (std::size_t i = 0; i < x.size(); ++i) squares += (x[i] - y[i]) * (x[i] - y[i]);
  return 1 - 6 * squares / (n * (n * n - 1));
}

/// Largest difference of logits over every `step`-th variant, and how well the effects (largest change of a logit) rank alike.
void compare(benchmark::State& state, const Model& model, const SweepRequest& request, const Peer& peer, std::size_t step) {
  std::string error;
  const auto mine = ours(model, request, true, &error);
  if (!error.empty()) return state.SkipWithError(error.c_str());
  const at::Tensor base = peer.loop.pass(peer.ids, -1, {});
  SweepRequest unchanged = request;
  unchanged.variants = {EditList{Edit{.site = "blocks.0.attn.hook_z", .heads = {0}, .op = EditOp::Scale, .scale = 1}}};
  const at::Tensor own_base = ours(model, unchanged, true, &error)[0];
  double worst = 0, largest = 0;
  std::vector<double> a, b;
  for (std::size_t v = 0; v < mine.size(); v += step) {
    const at::Tensor theirs = peer(v);
    worst = std::max(worst, (mine[v] - theirs).abs().max().item<double>());
    a.push_back((mine[v] - own_base).norm().item<double>());
    b.push_back((theirs - base).norm().item<double>());
    largest = std::max(largest, b.back());
  }
  state.counters["difference"] = worst;
  state.counters["largest_effect"] = largest;
  state.counters["spearman"] = spearman(a, b);
}

/// @param step of the loop: every how manieth variant is run
void run(benchmark::State& state, const bench::OpenedModel& opened, const SweepRequest& request, const Peer& peer, std::size_t step, double floor, double goal) {
  if (!opened.error().empty()) return state.SkipWithError(opened.error().c_str());
  at::set_num_threads(2);
  compare(state, opened.model(), request, peer, std::max<std::size_t>(step, 4));
  std::string error;
  const auto loop = [&] { for (std::size_t v = 0; v < request.variants.size(); v += step) benchmark::DoNotOptimize(peer(v)); };
  bench::run_pair(state, {loop, [&] { ours(opened.model(), request, false, &error); }, floor, goal});
  const auto counted = static_cast<double>(request.variants.size()) / std::ceil(static_cast<double>(request.variants.size()) / static_cast<double>(step));
  for (const char* name : {"ratio", "low", "high", "peer_ms"}) state.counters[name].value *= counted;
  state.counters["variants"] = static_cast<double>(request.variants.size());
  if (!error.empty()) state.SkipWithError(error.c_str());
}

void ablate(benchmark::State& state, std::int64_t n, bool bf16, std::size_t step, double floor, double goal) {
  const at::Tensor ids = ids_of(n, 3);
  const Peer peer{setup().loop, ids, [](std::size_t v) {
                    return std::pair<std::int64_t, Change>(static_cast<std::int64_t>(v) / kHeads, [head = static_cast<std::int64_t>(v) % kHeads](at::Tensor& z) { z.select(1, head).zero_(); });
                  }};
  run(state, bf16 ? in_bf16() : setup().f32, ablations(ids), peer, step, floor, goal);
}

/// z of a clean text put into a corrupted one, whose every token is another.
void patch(benchmark::State& state, std::int64_t n, std::size_t step) {
  const at::Tensor clean = ids_of(n, 4), corrupted = ids_of(n, 5);
  std::vector<at::Tensor> zs;
  setup().loop.pass(clean, -1, {}, &zs);
  SweepRequest request{.inputs = inputs_of(corrupted), .last_token = true};
  for (std::int64_t p = 0; p < n; ++p)
    for (std::int64_t l = 0; l < kLayers; ++l)
      for (std::int64_t h = 0; h < kHeads; ++h) {
        const at::Tensor z = zs[static_cast<std::size_t>(l)][0][h][p].contiguous();
        request.variants.push_back({Edit{.site = "blocks." + std::to_string(l) + ".attn.hook_z", .heads = {h}, .tokens = {p}, .op = EditOp::Replace,
                                         .value = {z.const_data_ptr<float>(), z.const_data_ptr<float>() + kHead}}});
      }
  const Peer peer{setup().loop, corrupted, [&](std::size_t v) {
                    const auto at = static_cast<std::int64_t>(v), head = at % kHeads, layer = at / kHeads % kLayers, token = at / kHeads / kLayers;
                    return std::pair<std::int64_t, Change>(layer, [&zs, head, layer, token](at::Tensor& z) { z[0][head][token].copy_(zs[static_cast<std::size_t>(layer)][0][head][token]); });
                  }};
  run(state, setup().f32, request, peer, step, 10, 18);
}

BENCHMARK_CAPTURE(ablate, n32, 32, false, 2, 6, 9)->Name("sweep/gpt2_small/144_heads/n32/peer:loop")->Iterations(7)->UseManualTime()->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(ablate, n128, 128, false, 7, 4, 6)->Name("sweep/gpt2_small/144_heads/n128/peer:loop")->Iterations(7)->UseManualTime()->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(ablate, n128_bf16, 128, true, 7, 6, 10)->Name("sweep/gpt2_small/144_heads/n128/bf16/peer:float32_loop")->Iterations(7)->UseManualTime()->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(patch, n32, 32, 97)->Name("sweep/gpt2_small/position_layer_head/n32/peer:loop")->Iterations(7)->UseManualTime()->Unit(benchmark::kMillisecond);

}  // namespace
