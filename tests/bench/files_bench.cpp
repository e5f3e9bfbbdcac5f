// Opening weights until all names, types and shapes are there: what the window's first screen of a file waits for.
#include <filesystem>

#include <benchmark/benchmark.h>

#include "engine/isolate/reader.h"
#include "engine/isolate/readers.h"
#include "tests/bench/hollow_file.h"
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
    else benchmark::DoNotOptimize((*opened)->tensors().size());
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

BENCHMARK(small_file)->ArgName("apart")->Arg(0)->Arg(1)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(two_gigabytes_of_200_tensors)->ArgName("apart")->Arg(0)->Arg(1)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(header_of_99_megabytes)->ArgName("apart")->Arg(0)->Arg(1)->UseRealTime()->Unit(benchmark::kMillisecond)->Iterations(3);
BENCHMARK(header_of_1150000_tensors)->ArgName("apart")->Arg(0)->Arg(1)->UseRealTime()->Unit(benchmark::kMillisecond)->Iterations(3);
BENCHMARK(header_of_200000_tensors)->ArgName("apart")->Arg(0)->Arg(1)->UseRealTime()->Unit(benchmark::kMillisecond)->Iterations(3);

}  // namespace

BENCHMARK_MAIN();
