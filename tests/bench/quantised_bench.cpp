// A model of SmolLM2's shape straight from the Q8_0 blocks of its GGUF file. The peer is the same model from a file of the unfolded
// values, held and packed as float32.
#include <malloc.h>
#include <unistd.h>

#include <cstdio>
#include <memory>

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "engine/model/model.h"
#include "engine/run/run.h"
#include "engine/tensor/ops.h"
#include "tests/bench/gguf_model.h"
#include "tests/bench/pairs.h"
#include "tests/bench/peaks.h"
#include "tests/bench/process_memory.h"

namespace {

namespace fs = std::filesystem;
namespace bench = vitrine::bench;
using namespace vitrine::engine;

constexpr int kPrompt = 512, kDecoded = 128;

/// The two files, written when they are first asked for, gone with the process.
class Files {
 public:
  ~Files() {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }
  fs::path of(bool unfolded) {
    const fs::path file = folder_ / (unfolded ? "smollm2.F32.gguf" : "smollm2.Q8_0.gguf");
    fs::create_directories(folder_);
    if (!fs::exists(file)) bench::write_llama(bench::kSmolLm2, unfolded, file);
    return file;
  }

 private:
  fs::path folder_ = fs::temp_directory_path() / fmt::format("vitrine_quantised_{}", getpid());
};

Files& files() {
  static Files all;
  return all;
}

std::map<std::string, Tensor> prompt() {
  std::vector<std::int64_t> ids;
  for (std::int64_t i = 0; i < kPrompt; ++i) ids.push_back((17 + 7919 * i) % bench::kSmolLm2.vocab);
  return {{"input_ids", Tensor::from_ints(ids, {1, kPrompt})}};
}

/// The prompt and what comes after it, with the seconds of each.
struct Generated {
  Generation made;
  double prefill = 0, decode = 0;
};

Generated generated(const Model& model, int decoded, bool keeps_logits = true) {
  using Clock = std::chrono::steady_clock;
  Clock::time_point first{};
  const Progress progress([&](double fraction, std::string_view) {
    if (fraction > 0 && first == Clock::time_point{}) first = Clock::now();
  });
  const auto start = Clock::now();
  auto made = generate(model, prompt(), 1 + decoded, {}, progress, {.logits = keeps_logits});
  const auto end = Clock::now();
  if (first == Clock::time_point{}) first = end;
  if (!made) return {};
  return {std::move(*made), std::chrono::duration<double>(first - start).count(), std::chrono::duration<double>(end - first).count()};
}

struct Models {
  std::shared_ptr<const Model> blocks, unfolded;
  std::string error;
};

const Models& models() {
  static const Models both = [] {
    auto blocks = open_model(files().of(false).string()), unfolded = open_model(files().of(true).string());
    if (!blocks || !unfolded) return Models{nullptr, nullptr, sentence((blocks ? unfolded : blocks).error())};
    return Models{*blocks, *unfolded, {}};
  }();
  return both;
}

/// Values of all matrices in the blocks, without the embedding.
double values_of_blocks() {
  const auto& m = bench::kSmolLm2;
  const double d = m.d_model, kv = d / m.heads * m.kv_heads;
  return m.layers * (2 * d * d + 2 * d * kv + 3 * d * m.width);
}

void add_difference(benchmark::State& state, const Generation& ours, const Generation& peer) {
  double worst = ours.ids == peer.ids ? 0 : 1;
  for (std::size_t i = 0; i < std::min(ours.logits.size(), peer.logits.size()); ++i)
    worst = std::max(worst, max_abs(ours.logits[i] - peer.logits[i]) / max_abs(peer.logits[i]));
  state.counters["difference"] = ours.logits.empty() ? 1 : worst;
}

void prefill(benchmark::State& state) {
  if (!models().error.empty()) return state.SkipWithError(models().error.c_str());
  add_difference(state, generated(*models().blocks, 0).made, generated(*models().unfolded, 0).made);
  const double peak = bench::measured_fma_peak();
  bench::run_turns(state, [] { return generated(*models().unfolded, 0).prefill; }, [] { return generated(*models().blocks, 0).prefill; });
  const auto& m = bench::kSmolLm2;
  const double pairs = 0.5 * kPrompt * kPrompt * m.layers * 2 * m.d_model, head = static_cast<double>(m.vocab) * m.d_model;
  const double flops = 2 * (kPrompt * values_of_blocks() + pairs + head), seconds = state.counters["ours_ms"] / 1e3;
  state.counters["tokens_s"] = kPrompt / seconds;
  state.counters["peer_tokens_s"] = kPrompt / (state.counters["peer_ms"] / 1e3);
  state.counters["GF_s"] = flops / seconds / 1e9;
  state.counters["FMA_peak_GF_s"] = peak / 1e9;
  state.counters["share_of_peak"] = flops / seconds / peak;
}

void decode(benchmark::State& state) {
  if (!models().error.empty()) return state.SkipWithError(models().error.c_str());
  add_difference(state, generated(*models().blocks, kDecoded).made, generated(*models().unfolded, kDecoded).made);
  const double peak = bench::measured_read_bandwidth();
  bench::run_turns(state, [] { return generated(*models().unfolded, kDecoded).decode; }, [] { return generated(*models().blocks, kDecoded).decode; });
  const auto& m = bench::kSmolLm2;
  const double cache = 2.0 * (kPrompt + kDecoded / 2) * m.d_model / m.heads * m.kv_heads * m.layers * sizeof(float);
  const double bytes = static_cast<double>(fs::file_size(files().of(false))) + cache, seconds = state.counters["ours_ms"] / 1e3 / kDecoded;
  state.counters["tokens_s"] = 1 / seconds;
  state.counters["peer_tokens_s"] = kDecoded / (state.counters["peer_ms"] / 1e3);
  state.counters["GB_s"] = bytes / seconds / 1e9;
  state.counters["read_GB_s"] = peak / 1e9;
  state.counters["share_of_bandwidth"] = bytes / seconds / peak;
}

/// A process of its own: what the model adds to one that is idle, opened and after prefill and decoding, at its most.
int measure(const std::string& file) {
  if (const auto warm = open_model("demo:lm_text")) static_cast<void>(generated(**warm, 0));
  malloc_trim(0);
  const double idle = bench::status_of("VmRSS");
  bench::begin_peak();
  const auto model = open_model(file);
  if (!model) return fmt::print(stderr, "{}\n", sentence(model.error())), 1;
  const double opened = bench::status_of("VmRSS") - idle;
  static_cast<void>(generated(**model, kDecoded, false));   // as `vitrine run --generate`
  fmt::print("{} {} {}\n", opened, bench::status_of("VmHWM") - idle, idle);
  return 0;
}

/// ratio: what the process grows by at its most / bytes of the file.
void resident(benchmark::State& state) {
  const fs::path file = files().of(false);
  double opened = 0, most = 0, idle = 0;
  for (auto _ : state) {
    FILE* const pipe = popen(fmt::format("/proc/{}/exe --measure '{}'", getpid(), file.string()).c_str(), "r");
    const bool read = pipe && std::fscanf(pipe, "%lf %lf %lf", &opened, &most, &idle) == 3;
    if ((pipe && pclose(pipe) != 0) || !read) return state.SkipWithError("the process failed");
  }
  const auto bytes = static_cast<double>(fs::file_size(file));
  state.counters["file_MB"] = bytes / 1e6;
  state.counters["opened_MB"] = opened / 1e6;
  state.counters["most_MB"] = most / 1e6;
  state.counters["idle_MB"] = idle / 1e6;
  state.counters["ratio"] = most / bytes;
  state.counters["at_most"] = 1.4;
}

void add_rows() {
  benchmark::RegisterBenchmark("smollm2_q8_0/prefill_512/peer:float32", prefill)->Iterations(7)->UseManualTime()->Unit(benchmark::kMillisecond);
  benchmark::RegisterBenchmark("smollm2_q8_0/decode_128/peer:float32", decode)->Iterations(7)->UseManualTime()->Unit(benchmark::kMillisecond);
  benchmark::RegisterBenchmark("smollm2_q8_0/resident_over_file", resident)->Iterations(1)->Unit(benchmark::kMillisecond);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 3 && std::string(argv[1]) == "--measure") return measure(argv[2]);
  benchmark::Initialize(&argc, argv);
  add_rows();
  benchmark::RunSpecifiedBenchmarks();
}
