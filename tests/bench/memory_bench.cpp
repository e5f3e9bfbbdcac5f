#include <fcntl.h>
#include <malloc.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <map>

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "engine/core/free_memory.h"
#include "engine/model/model.h"
#include "engine/run/run.h"
#include "engine/tensor/guard.h"
#include "engine/tensor/ops.h"
#include "tests/bench/gguf_model.h"
#include "tests/bench/pairs.h"
#include "tests/bench/process_memory.h"
#include "tests/bench/random_model.h"

namespace {

namespace fs = std::filesystem;
namespace bench = vitrine::bench;
using namespace vitrine::engine;

constexpr std::int64_t kCap = std::int64_t{512} << 20;

bench::RandomModel shape_of(const std::string& name) {
  if (name == "gpt2_small") return bench::random_gpt2(12, 768, 12, 50257, 4096);
  if (name == "gpt2_2GB") return bench::random_gpt2(24, 1280, 20, 50257, 1024);
  if (name == "bert_base") return bench::random_bert(12, 768, 12, 30522, 512);
  if (name == "vit_b16_224") return bench::random_vit(12, 768, 12, 224, 16);
  if (name == "vit_b16_384") return bench::random_vit(12, 768, 12, 384, 16);
  if (name == "gpt2_medium") return bench::random_gpt2(24, 1024, 16, 50257, 1024);
  if (name == "gpt2_distil") return bench::random_gpt2(6, 768, 12, 50257, 2048);
  if (name == "bert_large") return bench::random_bert(24, 1024, 16, 30522, 512);
  if (name == "minilm") return bench::random_bert(6, 384, 12, 30522, 512);
  if (name == "vit_s16_224") return bench::random_vit(12, 384, 6, 224, 16);
  if (name == "vit_l32_384") return bench::random_vit(24, 1024, 16, 384, 32);
  if (name == "llama_300M") return bench::random_llama(16, 1024, 16, 4, 2816, 32000, false);
  if (name == "llama_mqa") return bench::random_llama(8, 1280, 20, 1, 3456, 32000, true);
  if (name == "llama_2GB_bf16") return bench::random_llama(22, 2048, 32, 8, 5632, 32000, false);
  return bench::random_llama(30, 576, 9, 3, 1536, 49152, true);   // smollm2_135M
}

/// Folders of the models, written when they are first asked for, gone with the process.
class Folders {
 public:
  ~Folders() {
    std::error_code ignored;
    fs::remove_all(root_, ignored);
  }
  fs::path of(const std::string& name) {
    const fs::path folder = root_ / name;
    if (fs::exists(folder)) return folder;
    fs::create_directories(folder);
    if (name == "smollm2_q8_0") bench::write_llama(bench::kSmolLm2, false, folder / "model.gguf");
    else bench::write_model(shape_of(name), folder, name.ends_with("bf16"));
    return folder;
  }

 private:
  fs::path root_ = fs::temp_directory_path() / fmt::format("vitrine_memory_{}", getpid());
};

Folders& folders() {
  static Folders all;
  return all;
}

std::map<std::string, Tensor> input_of(const Model& model, std::int64_t tokens) {
  if (!model.takes_text()) {
    const auto image = model.spec().towers[0].stem.params.value("image", std::vector<std::int64_t>{224, 224});
    return {{"pixel_values", randn({1, 3, image[0], image[1]}, 7)}};
  }
  std::vector<std::int64_t> ids;
  for (std::int64_t i = 0; i < tokens; ++i) ids.push_back((17 + 7919 * i) % 30000);
  return {{"input_ids", Tensor::from_ints(ids, {1, tokens})}};
}

RunRequest request_for(const Model& model, std::int64_t tokens, const std::string& how) {
  RunRequest request{.inputs = input_of(model, tokens), .capture_maps = how == "maps", .keep_residuals = how == "maps"};
  if (how == "patterns") request.taps = {"*.hook_pattern"};
  return request;
}

/// The process of one row: prints what it took above what it had before the model was opened, what was said that it would, and the
/// most of its resident pages of every kind. @param how "", "maps" or "patterns"
int measure(const std::string& folder, std::int64_t tokens, std::int64_t cap, const std::string& how) {
  if (const auto warm = open_model("demo:lm_text")) static_cast<void>(run_model(**warm, request_for(**warm, 1, "")));
  malloc_trim(0);
  const double idle = bench::status_of("VmRSS");
  bench::begin_peak();
  limit_memory(cap);
  const auto model = open_model(folder);
  if (!model) return fmt::print(stderr, "{}\n", sentence(model.error())), 1;
  const RunRequest request = request_for(**model, tokens, how);
  const auto said = forecast(**model, request);
  const auto run = run_model(**model, request);
  if (!said || !run) return fmt::print(stderr, "{}\n", sentence((run ? said.error() : run.error()))), 1;
  const double peak = bench::status_of("VmHWM");
  fmt::print("{} {} {} {}\n", static_cast<double>(said->peak_bytes), peak - idle, peak, static_cast<double>(said->streamed_bytes));
  return 0;
}

struct Measured {
  double forecast = 0, grown = 0, resident = 0, streamed = 0;
};

/// The same in a process of its own.
bool measured(const std::string& name, std::int64_t tokens, std::int64_t cap, const std::string& how, Measured& out) {
  const std::string command = fmt::format("/proc/{}/exe --measure '{}' {} {} '{}'", getpid(), folders().of(name).string(), tokens, cap, how);
  FILE* const pipe = popen(command.c_str(), "r");
  if (!pipe) return false;
  const bool read = std::fscanf(pipe, "%lf %lf %lf %lf", &out.forecast, &out.grown, &out.resident, &out.streamed) == 4;
  return pclose(pipe) == 0 && read;
}

struct Row {
  const char* model;
  std::int64_t tokens;
  const char* how;
  std::int64_t cap = 0;
};

/// ratio: forecast / measured peak, which is to be between 0.9 and 1.1.
void forecast_of(benchmark::State& state, const Row& row) {
  Measured m;
  for (auto _ : state)
    if (!measured(row.model, row.tokens, row.cap, row.how, m)) return state.SkipWithError("the process failed");
  state.counters["forecast_MB"] = m.forecast / 1e6;
  state.counters["peak_MB"] = m.grown / 1e6;
  state.counters["ratio"] = m.forecast / m.grown;
  state.counters["within"] = 0.1;
  state.counters["resident_MiB"] = m.resident / (1 << 20);
  if (row.cap == 0) return;
  state.counters["at_most_MiB"] = static_cast<double>(row.cap >> 20);
  state.counters["streamed_MB"] = m.streamed / 1e6;
}

/// One thread, into memory that stays in the processor.
void read_through(const fs::path& file) {
  static std::array<char, 1 << 18> buffer;
  const int descriptor = open(file.c_str(), O_RDONLY | O_CLOEXEC);
  while (read(descriptor, buffer.data(), buffer.size()) > 0) benchmark::DoNotOptimize(buffer);
  close(descriptor);
}

void forget(const fs::path& file) {
  const int descriptor = open(file.c_str(), O_RDONLY | O_CLOEXEC);
  posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED);
  close(descriptor);
}

/// ratio: a pass over a model of four times the memory that the process may have / reading its file once from begin to end.
/// What the same pass takes once all of the model is in memory says whether reading bounds it.
/// @param cold neither finds the file in the system's memory
void streamed(benchmark::State& state, const std::string& name, std::int64_t tokens, bool cold) {
  const fs::path folder = folders().of(name), file = folder / "model.safetensors";
  limit_memory(static_cast<std::int64_t>(bench::status_of("VmRSS")) + (kCap >> 1));   // as in a process that has 256 MB before
  auto model = open_model(folder.string());
  limit_memory(0);
  if (!model) return state.SkipWithError(sentence(model.error()).c_str());
  const RunRequest request = request_for(**model, tokens, "");
  std::shared_ptr<const Run> run;
  bench::Pair pair{[&] { if (auto made = run_model(**model, request)) run = *made; }, [&] { read_through(file); }};
  if (cold) pair.before = [&] { forget(file); };
  bench::run_pair(state, pair);
  state.counters["at_most"] = 1.3;
  state.counters["read_GB_s"] = static_cast<double>(fs::file_size(file)) / 1e6 / state.counters["ours_ms"];
  if (!run) return state.SkipWithError("the model did not run");
  if (cold) return;
  model = open_model(folder.string());   // all of it in memory
  if (!model) return state.SkipWithError(sentence(model.error()).c_str());
  const auto whole = run_model(**model, request);
  if (!whole) return state.SkipWithError(sentence(whole.error()).c_str());
  const Tensor a = run->outputs.at("logits"), b = (*whole)->outputs.at("logits");
  state.counters["in_memory_ms"] = 1e3 * bench::seconds([&] { benchmark::DoNotOptimize(run_model(**model, request)); });
  state.counters["difference"] = max_abs(a - b) / max_abs(b);
}

void add_forecast(const char* set, const Row& row) {
  benchmark::RegisterBenchmark(fmt::format("{}/{}/{}/{}", set, row.model, row.tokens, *row.how ? row.how : "plain").c_str(), [row](benchmark::State& state) { forecast_of(state, row); })
      ->Iterations(1)->Unit(benchmark::kMillisecond);
}

void add_rows() {
  for (const auto& [name, tokens, cold] : {std::tuple{"gpt2_2GB", 1, false}, {"gpt2_2GB", 16, false}, {"gpt2_2GB", 16, true}, {"llama_2GB_bf16", 1, false}})
    benchmark::RegisterBenchmark(fmt::format("streamed/{}/{}{}", name, tokens, cold ? "/cold" : "").c_str(),
                                 [=, n = std::string(name)](benchmark::State& state) { streamed(state, n, tokens, cold); })
        ->UseManualTime()->Unit(benchmark::kMillisecond)->Iterations(cold ? 7 : 11);
  for (const Row& row : {Row{"gpt2_small", 16, ""}, {"gpt2_small", 1024, ""}, {"gpt2_small", 1024, "maps"}, {"gpt2_small", 4096, "maps"}, {"gpt2_small", 512, "patterns"},
                         {"bert_base", 128, "maps"}, {"bert_base", 512, ""}, {"vit_b16_224", 197, "maps"}, {"vit_b16_224", 197, ""}, {"vit_s16_224", 197, "maps"}, {"vit_b16_384", 577, "maps"},
                         {"smollm2_135M", 64, ""}, {"smollm2_135M", 2048, "maps"}, {"smollm2_q8_0", 64, ""}, {"smollm2_q8_0", 512, "maps"}, {"gpt2_2GB", 16, "", kCap}, {"gpt2_2GB", 256, "", kCap}, {"llama_2GB_bf16", 64, "", kCap}})
    add_forecast("forecast", row);
  // No constant of the forecast was chosen by looking at these.
  for (const Row& row : {Row{"gpt2_medium", 48, ""}, {"gpt2_medium", 700, "maps"}, {"gpt2_distil", 300, ""}, {"gpt2_distil", 1500, "maps"}, {"bert_large", 96, "maps"}, {"bert_large", 384, ""},
                         {"minilm", 200, "maps"}, {"minilm", 500, ""}, {"vit_s16_224", 197, ""}, {"vit_l32_384", 145, "maps"}, {"llama_300M", 24, ""},
                         {"llama_300M", 1200, ""}, {"llama_mqa", 400, "maps"}, {"llama_mqa", 3000, ""}})
    add_forecast("held_out", row);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 6 && std::string(argv[1]) == "--measure") return measure(argv[2], std::atoll(argv[3]), std::atoll(argv[4]), argv[5]);
  benchmark::Initialize(&argc, argv);
  add_rows();
  benchmark::RunSpecifiedBenchmarks();
}
