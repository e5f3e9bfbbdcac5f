#include "engine/tensor/wakeful_threads.h"

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "engine/tensor/guard.h"
#include "engine/tensor/parallel.h"

namespace vitrine::engine {
namespace {

class Wakeful : public testing::Test {
 protected:
  void SetUp() override { set_threads(2); }
};

TEST_F(Wakeful, EveryNumberComesOnceInEachOfManyCalls) {
  const WakefulThreads wakeful;
  for (const std::int64_t n : {1, 2, 3, 7, 100})
    for (const std::int64_t grain : {1, 3, 50})
      for (int call = 0; call < 200; ++call) {
        std::vector<std::atomic<int>> times(static_cast<std::size_t>(n));
        parallel_for(n, grain, [&](std::int64_t begin, std::int64_t end) {
          for (; begin < end; ++begin) ++times[static_cast<std::size_t>(begin)];
        });
        for (const auto& t : times) ASSERT_EQ(t, 1) << n << " by " << grain;
      }
}

TEST_F(Wakeful, TwoThreadsWorkAtOneTimeAndAlsoAfterTheySlept) {
  const WakefulThreads wakeful;
  for (int call = 0; call < 3; ++call) {
    std::atomic<int> here = 0;
    std::atomic<bool> met = false;
    parallel_for(2, 1, [&](std::int64_t, std::int64_t) {
      ++here;
      const auto start = std::chrono::steady_clock::now();
      while (here < 2 && std::chrono::steady_clock::now() - start < std::chrono::seconds(20)) std::this_thread::yield();
      if (here == 2) met = true;
    });
    EXPECT_TRUE(met);
    std::atomic<int> slept = 0;
    for (const auto start = std::chrono::steady_clock::now(); std::chrono::steady_clock::now() - start < std::chrono::milliseconds(3);) ++slept;
  }
}

TEST_F(Wakeful, WhatAPartThrowsArrivesAndTheNextCallWorks) {
  const WakefulThreads wakeful;
  for (const std::int64_t bad : {0, 1})
    EXPECT_THROW(parallel_for(2, 1, [&](std::int64_t begin, std::int64_t) {
                   if (begin == bad) throw std::runtime_error("a part");
                 }),
                 std::runtime_error);
  std::atomic<int> sum = 0;
  parallel_for(8, 1, [&](std::int64_t begin, std::int64_t end) { sum += static_cast<int>(end - begin); });
  EXPECT_EQ(sum, 8);
}

TEST_F(Wakeful, CallsFromInsideAndScopesWithinScopesWork) {
  const WakefulThreads outer;
  {
    const WakefulThreads inner;
    std::atomic<int> sum = 0;
    parallel_for(4, 1, [&](std::int64_t begin, std::int64_t end) {
      for (; begin < end; ++begin) parallel_for(10, 1, [&](std::int64_t from, std::int64_t to) { sum += static_cast<int>(to - from); });
    });
    EXPECT_EQ(sum, 40);
  }
  std::atomic<int> sum = 0;
  parallel_for(8, 1, [&](std::int64_t begin, std::int64_t end) { sum += static_cast<int>(end - begin); });
  EXPECT_EQ(sum, 8);
}

}  // namespace
}  // namespace vitrine::engine
