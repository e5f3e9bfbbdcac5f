#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "engine/tensor/wakeful_threads.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace vitrine::engine {

/// The threads of `WakefulThreads`. One caller at a time.
class WakefulThreads::Crew {
 public:
  using Part = std::function<void(std::int64_t begin, std::int64_t end)>;

  explicit Crew(int helpers);
  ~Crew();
  /// f on parts of [0, n) of at least `grain`, the first of them here. Throws what a part threw.
  void run(std::int64_t n, std::int64_t grain, const Part& f);
  /// nullptr: there is none.
  static Crew*& of_this_thread();

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::microseconds kWakeful{200};
  static constexpr int kLooks = 64;   ///< between two looks at the clock

  static void pause() {
#if defined(__x86_64__)
    _mm_pause();
#endif
  }
  void help(std::int64_t number);
  void do_part(std::int64_t number) noexcept;

  std::atomic<std::uint32_t> call_{0};
  std::atomic<int> left_{0};
  const Part* f_ = nullptr;   ///< nullptr in a call: the end
  std::int64_t n_ = 0, part_ = 1;
  std::mutex mutex_;
  std::exception_ptr thrown_;
  std::vector<std::thread> helpers_;
};

}  // namespace vitrine::engine
