#include <immintrin.h>
#include <sys/mman.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include <benchmark/benchmark.h>

#include "engine/tensor/guard.h"
#include "engine/tensor/parallel.h"
#include "tests/bench/peaks.h"

namespace vitrine::bench {

namespace {

constexpr int kChains = 16;          // more than latency times units
constexpr std::int64_t kSteps = 4'000'000;

__attribute__((target("avx512f"))) double wide_chains() {
  __m512 acc[kChains];
  for (int c = 0; c < kChains; ++c) acc[c] = _mm512_set1_ps(static_cast<float>(c));
  const __m512 a = _mm512_set1_ps(0.999F), b = _mm512_set1_ps(0.001F);
  for (std::int64_t i = 0; i < kSteps; ++i)
#pragma GCC unroll 16
    for (int c = 0; c < kChains; ++c) acc[c] = _mm512_fmadd_ps(acc[c], a, b);
  for (int c = 0; c < kChains; ++c) benchmark::DoNotOptimize(acc[c]);
  return 2.0 * 16 * kChains * static_cast<double>(kSteps);
}

__attribute__((target("avx2,fma"))) double chains() {
  __m256 acc[12];
  for (int c = 0; c < 12; ++c) acc[c] = _mm256_set1_ps(static_cast<float>(c));
  const __m256 a = _mm256_set1_ps(0.999F), b = _mm256_set1_ps(0.001F);
  for (std::int64_t i = 0; i < kSteps; ++i)
#pragma GCC unroll 12
    for (int c = 0; c < 12; ++c) acc[c] = _mm256_fmadd_ps(acc[c], a, b);
  for (int c = 0; c < 12; ++c) benchmark::DoNotOptimize(acc[c]);
  return 2.0 * 8 * 12 * static_cast<double>(kSteps);
}

}  // namespace

double measured_fma_peak() {
  const bool wide = __builtin_cpu_supports("avx512f");
  double best = 0;
  for (int turn = 0; turn < 5; ++turn) {
    std::vector<double> done(static_cast<std::size_t>(engine::threads()), 0.0);
    const auto start = std::chrono::steady_clock::now();
    engine::parallel_for(static_cast<std::int64_t>(done.size()), 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) done[static_cast<std::size_t>(i)] = wide ? wide_chains() : chains();
    });
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    double total = 0;
    for (const double flops : done) total += flops;
    best = std::max(best, total / seconds);
  }
  return best;
}

double measured_read_bandwidth() {
  constexpr std::size_t kBytes = std::size_t{512} << 20, kPiece = std::size_t{1} << 20, kHugePage = std::size_t{2} << 20;
  const std::unique_ptr<char, decltype(&std::free)> memory(static_cast<char*>(std::aligned_alloc(kHugePage, kBytes)), &std::free);
  madvise(memory.get(), kBytes, MADV_HUGEPAGE);
  std::memset(memory.get(), 1, kBytes);
  double best = 0;
  for (int turn = 0; turn < 7; ++turn) {
    const auto start = std::chrono::steady_clock::now();
    engine::parallel_for(kBytes / kPiece, 1, [&](std::int64_t begin, std::int64_t end) {
      std::uint64_t sum[16] = {};   // chains that do not wait for each other
      const auto* at = reinterpret_cast<const std::uint64_t*>(memory.get() + begin * static_cast<std::int64_t>(kPiece));
      for (const auto* last = at + (end - begin) * static_cast<std::int64_t>(kPiece / sizeof *at); at < last; at += 16)
        for (int i = 0; i < 16; ++i) sum[i] += at[i];
      benchmark::DoNotOptimize(sum);
    });
    best = std::max(best, static_cast<double>(kBytes) / std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return best;
}

}  // namespace vitrine::bench
