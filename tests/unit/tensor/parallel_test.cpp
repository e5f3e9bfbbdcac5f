#include "engine/tensor/parallel.h"

#include <mutex>
#include <set>
#include <thread>

#include <gtest/gtest.h>

namespace {

using namespace vitrine::engine;

TEST(Parallel, UsesMoreThanOneThreadWhereThereAreMore) {
  if (std::thread::hardware_concurrency() < 2) GTEST_SKIP() << "one core";
  std::mutex mutex;
  std::set<std::thread::id> threads;
  std::int64_t done = 0;
  parallel_for(64, 1, [&](std::int64_t begin, std::int64_t end) {
    const std::scoped_lock lock(mutex);
    threads.insert(std::this_thread::get_id());
    done += end - begin;
  });
  EXPECT_EQ(done, 64);
  EXPECT_GE(threads.size(), 2U);
}

}  // namespace
