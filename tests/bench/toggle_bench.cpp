// From switching a head to new predictions, by prefix reuse and, as the peer, by a whole forward pass; in turns.
#include <algorithm>
#include <chrono>
#include <filesystem>

#include <benchmark/benchmark.h>

#include "engine/run/parity.h"
#include "engine/run/workspace.h"
#include "engine/tensor/ops.h"

namespace {

using namespace vitrine::engine;

std::map<std::string, Tensor> inputs_of(const Model& model) {
  std::map<std::string, Tensor> in;
  for (const auto& tower : model.spec().towers) {
    const auto& p = tower.stem.params;
    if (tower.stem.part == "token_embedding") {
      std::vector<std::int64_t> ids;
      const auto vocab = p.value("vocab", std::int64_t{8});
      const std::int64_t most = p.contains("positions") ? p["positions"].value("max", std::int64_t{64}) : 64;
      for (std::int64_t i = 0; i < std::min<std::int64_t>(64, most); ++i) ids.push_back((3 + 7 * i) % vocab);
      in["input_ids"] = Tensor::from_ints(ids, {1, static_cast<std::int64_t>(ids.size())});
    } else {
      const auto image = p.value("image", std::vector<std::int64_t>{32, 32});
      in["pixel_values"] = randn({1, p.value("channels", std::int64_t{3}), image[0], image[1]}, 7);
    }
  }
  return in;
}

double ms(const std::function<void()>& f) {
  const auto start = std::chrono::steady_clock::now();
  f();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

double quantile(std::vector<double> v, double q) {
  std::sort(v.begin(), v.end());
  return v.empty() ? 0 : v[std::min(v.size() - 1, static_cast<std::size_t>(q * static_cast<double>(v.size())))];
}

void toggle(benchmark::State& state, const std::string& name) {
  const auto model = open_model(name);
  if (!model) return state.SkipWithError(sentence(model.error()).c_str());
  const auto inputs = inputs_of(**model);
  const auto base = run_model(**model, {.inputs = inputs});
  if (!base) return state.SkipWithError(sentence(base.error()).c_str());
  std::vector<double> reused, whole, ratio;
  const auto& mixers = (*model)->towers()[0].mixers;
  std::size_t turn = 0;
  for (auto _ : state) {
    const MixerInfo& m = mixers[turn++ % mixers.size()];
    Edit edit{.site = m.site + ".hook_z", .heads = {static_cast<std::int64_t>(turn) % m.heads}};
    reused.push_back(ms([&] { benchmark::DoNotOptimize(run_model(**model, {.inputs = inputs, .edits = {edit}, .parent = *base})); }));
    whole.push_back(ms([&] { benchmark::DoNotOptimize(run_model(**model, {.inputs = inputs, .edits = {edit}})); }));
    ratio.push_back(whole.back() / reused.back());
  }
  state.counters["p50_ms"] = quantile(reused, 0.5);
  state.counters["p95_ms"] = quantile(reused, 0.95);
  state.counters["whole_p50_ms"] = quantile(whole, 0.5);
  state.counters["ratio"] = quantile(ratio, 0.5);
  state.counters["ratio_low"] = quantile(ratio, 0.25);
  state.counters["ratio_high"] = quantile(ratio, 0.75);
}

}  // namespace

int main(int argc, char** argv) {
  for (const auto& name : demo_names()) benchmark::RegisterBenchmark(("toggle/" + name).c_str(), [name](benchmark::State& s) { toggle(s, "demo:" + name); })->Iterations(60);
  const auto real = user_models_folder() / "SmolLM2-135M-Instruct";
  std::error_code ignored;
  if (std::filesystem::exists(real, ignored)) benchmark::RegisterBenchmark("toggle/SmolLM2_64_tokens", [real](benchmark::State& s) { toggle(s, real.string()); })->Iterations(60);
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
