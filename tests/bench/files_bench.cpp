// Opening weights until all names, types and shapes are there: what the window's first screen of a file waits for. And the
// statistics of all values of a file, against the speed at which its bytes can be read at all.
#include <atomic>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <thread>
#include <vector>

#include <unistd.h>

#include <benchmark/benchmark.h>

#include "engine/io/mapped_file.h"
#include "engine/io/tensor_list.h"
#include "engine/isolate/reader.h"
#include "engine/isolate/readers.h"
#include "engine/measure/tensor_statistics.h"
#include "engine/tensor/parallel.h"
#include "tests/bench/hollow_file.h"
#include "tests/bench/pairs.h"
#include "tests/temporary_folder.h"

namespace {

namespace fs = std::filesystem;
namespace isolate = vitrine::engine::isolate;
namespace bench = vitrine::bench;

/// The file of that name, written once.
template <typename Write>
fs::path file(const char* name, Write&& write) {
  static const vitrine::test::TemporaryFolder folder;
  const fs::path path = folder.path() / name;
  if (!fs::exists(path)) write(path);
  return path;
}

/// @param state range 0: whether the reader process is asked
void open_again_and_again(benchmark::State& state, const fs::path& path) {
  if (state.range(0) != 0) isolate::use_reader({VITRINE_BINARY_DIR "/bin/vitrine-reader"});
  else isolate::use_no_reader();
  for (auto _ : state) {
    const auto opened = isolate::open_checkpoint(path);
    if (!opened) state.SkipWithError(sentence(opened.error()).c_str());
    else benchmark::DoNotOptimize(vitrine::engine::tensor_list(*opened)->size());
  }
}

void small_file(benchmark::State& state) {
  open_again_and_again(state, file("small", [](const fs::path& path) { bench::write_hollow_file(path, 2, 64, 24); }));
}
void two_gigabytes_of_200_tensors(benchmark::State& state) { open_again_and_again(state, file("large", bench::write_large_file)); }
void header_of_99_megabytes(benchmark::State& state) { open_again_and_again(state, file("header", bench::write_long_header)); }
void header_of_1150000_tensors(benchmark::State& state) { open_again_and_again(state, file("million", bench::write_million)); }
void header_of_200000_tensors(benchmark::State& state) {
  open_again_and_again(state, file("many", [](const fs::path& path) { bench::write_hollow_file(path, 200'000, 4, 40); }));
}

/// Resident memory of this process, its files included.
double resident_bytes() {
  std::ifstream in("/proc/self/statm");
  double all = 0, resident = 0;
  in >> all >> resident;
  return resident * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

/// A warm opening through the reader, once an iteration. Counters: what the process grew by while the file was open, in percent of
/// it, and whether both are as asked.
void two_gigabytes_listed(benchmark::State& state) {
  const fs::path path = file("large", bench::write_large_file);
  isolate::use_reader({VITRINE_BINARY_DIR "/bin/vitrine-reader"});
  for (int i = 0; i < 3; ++i) benchmark::DoNotOptimize(isolate::open_checkpoint(path));
  std::vector<double> each;
  double growth = 0;
  for (auto _ : state) {
    const double before = resident_bytes();
    std::shared_ptr<const vitrine::engine::Checkpoint> open;
    each.push_back(bench::seconds([&] { open = isolate::open_checkpoint(path).value_or(nullptr); }));
    if (!open || vitrine::engine::tensor_list(open)->size() != 200) state.SkipWithError("not all tensors are listed");
    growth = std::max(growth, resident_bytes() - before);
    state.SetIterationTime(each.back());
    std::this_thread::sleep_for(std::chrono::milliseconds(20));   // as between two clicks: the next reader starts meanwhile
  }
  const auto [low, high] = bench::median_interval(each);
  state.counters["median_ms"] = 1e3 * bench::median(each);
  state.counters["low_ms"] = 1e3 * low;
  state.counters["high_ms"] = 1e3 * high;
  state.counters["at_most_ms"] = 5;
  state.counters["growth_percent"] = 100 * growth / static_cast<double>(fs::file_size(path));
  state.counters["at_most_percent"] = 5;
}

/// The sum of all bytes as numbers of eight, on all cores: nothing less can be done with what is read.
std::uint64_t sum_of(std::span<const std::byte> bytes) {
  constexpr std::size_t kTask = std::size_t{16} << 20, kLanes = 8;
  using Lanes = std::uint64_t __attribute__((vector_size(8 * kLanes)));
  std::atomic<std::size_t> next = 0;
  std::atomic<std::uint64_t> all = 0;
  vitrine::engine::parallel_for(64, 1, [&](std::int64_t begin, std::int64_t end) {
    for (; begin < end; ++begin)
      for (std::size_t at = kTask * next++; at < bytes.size(); at = kTask * next++) {
        const std::size_t task_end = std::min(bytes.size(), at + kTask) / sizeof(Lanes) * sizeof(Lanes);
        Lanes sums[4] = {};
        for (std::size_t i = at; i + sizeof sums <= task_end; i += sizeof sums)
          for (std::size_t part = 0; part < 4; ++part) {
            Lanes x;
            std::memcpy(&x, bytes.data() + i + part * sizeof x, sizeof x);
            sums[part] += x;
          }
        const Lanes sum = (sums[0] + sums[1]) + (sums[2] + sums[3]);
        for (std::size_t lane = 0; lane < kLanes; ++lane) all += sum[lane];
      }
  });
  return all;
}

/// Peer: reading the same bytes on all cores. @param dtype of the values
void statistics_of_two_gigabytes(benchmark::State& state, const char* dtype) {
  const fs::path path = file(dtype, [&](const fs::path& to) { bench::write_values(to, 200, 10'000'000, dtype); });
  const auto opened = vitrine::engine::open_checkpoint(path);
  const auto mapped = vitrine::engine::MappedFile::open(path);
  if (!opened || !mapped) return state.SkipWithError("the file does not open");
  std::vector<const vitrine::engine::TensorEntry*> entries;
  for (const auto& each : (*opened)->tensors()) entries.push_back(&each);
  std::vector<vitrine::engine::Result<vitrine::engine::ValueStatistics>> found;
  bench::Pair pair{[&] { benchmark::DoNotOptimize(sum_of((*mapped)->bytes())); },
                   [&] { found = vitrine::engine::statistics_of_tensors(**opened, entries); }, 0.6, 1};
  bench::run_pair(state, pair);
  const auto bytes = static_cast<double>((*mapped)->size());
  state.counters["read_GB_s"] = bytes / 1e6 / state.counters["peer_ms"];
  // Two of the tensors, held against plain sums over their values.
  double apart = 0;
  for (const std::size_t number : {std::size_t{0}, entries.size() - 1}) {
    const auto values = *(*opened)->read_f32(*entries[number]);
    const double mean = std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
    apart = std::max(apart, found[number] ? std::abs(found[number]->mean - mean) : 1);
  }
  state.counters["difference"] = apart;
}

BENCHMARK(two_gigabytes_listed)->UseManualTime()->Unit(benchmark::kMillisecond)->Iterations(51);
BENCHMARK_CAPTURE(statistics_of_two_gigabytes, float32, "F32")->UseManualTime()->Unit(benchmark::kMillisecond)->Iterations(11);
BENCHMARK_CAPTURE(statistics_of_two_gigabytes, bfloat16, "BF16")->UseManualTime()->Unit(benchmark::kMillisecond)->Iterations(11);
BENCHMARK(small_file)->ArgName("apart")->Arg(0)->Arg(1)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(two_gigabytes_of_200_tensors)->ArgName("apart")->Arg(0)->Arg(1)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(header_of_99_megabytes)->ArgName("apart")->Arg(0)->Arg(1)->UseRealTime()->Unit(benchmark::kMillisecond)->Iterations(3);
BENCHMARK(header_of_1150000_tensors)->ArgName("apart")->Arg(0)->Arg(1)->UseRealTime()->Unit(benchmark::kMillisecond)->Iterations(3);
BENCHMARK(header_of_200000_tensors)->ArgName("apart")->Arg(0)->Arg(1)->UseRealTime()->Unit(benchmark::kMillisecond)->Iterations(3);

}  // namespace

BENCHMARK_MAIN();
