// Opening weights until all names, types and shapes are there: what the window's first screen of a file waits for.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "engine/isolate/reader.h"
#include "engine/isolate/readers.h"

namespace {

namespace fs = std::filesystem;
namespace isolate = vitrine::engine::isolate;

fs::path folder() {
  static const fs::path path = [] {
    std::string name = (fs::temp_directory_path() / "vitrine_bench_XXXXXX").string();
    return fs::path(::mkdtemp(name.data()));
  }();
  return path;
}

/// A safetensors file of `tensors` float32 tensors; its values are a hole in the file.
fs::path write_file(const std::string& name, int tensors, std::uint64_t bytes_each, std::size_t name_length) {
  const fs::path path = folder() / name;
  if (fs::exists(path)) return path;
  std::string header = "{";
  for (int i = 0; i < tensors; ++i)
    header += fmt::format(R"({}"{:0>{}}":{{"dtype":"F32","shape":[{}],"data_offsets":[{},{}]}})", i == 0 ? "" : ",", i, name_length,
                          bytes_each / 4, bytes_each * static_cast<std::uint64_t>(i), bytes_each * static_cast<std::uint64_t>(i + 1));
  header += "}";
  const std::uint64_t length = header.size();
  std::ofstream out(path, std::ios::binary);
  out.write(reinterpret_cast<const char*>(&length), sizeof length) << header;
  out.close();
  fs::resize_file(path, 8 + length + bytes_each * static_cast<std::uint64_t>(tensors));
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

void small_file(benchmark::State& state) { open_again_and_again(state, write_file("small.safetensors", 2, 64, 8)); }
void two_gigabytes_of_200_tensors(benchmark::State& state) {
  open_again_and_again(state, write_file("large.safetensors", 200, 10'737'416, 24));
}
void header_of_99_megabytes(benchmark::State& state) {
  open_again_and_again(state, write_file("header.safetensors", 100'000, 4, 920));
}
void header_of_200000_tensors(benchmark::State& state) {
  open_again_and_again(state, write_file("many.safetensors", 200'000, 4, 40));
}

BENCHMARK(small_file)->ArgName("apart")->Arg(0)->Arg(1)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(two_gigabytes_of_200_tensors)->ArgName("apart")->Arg(0)->Arg(1)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(header_of_99_megabytes)->ArgName("apart")->Arg(0)->Arg(1)->UseRealTime()->Unit(benchmark::kMillisecond)->Iterations(3);
BENCHMARK(header_of_200000_tensors)->ArgName("apart")->Arg(0)->Arg(1)->UseRealTime()->Unit(benchmark::kMillisecond)->Iterations(3);

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  fs::remove_all(folder());
  return 0;
}
