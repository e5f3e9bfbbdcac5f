#include "engine/tensor/wakeful_threads.h"

#include <utility>

#include "engine/tensor/crew.h"
#include "engine/tensor/guard.h"

namespace vitrine::engine {

WakefulThreads::WakefulThreads() : before_(Crew::of_this_thread()) {
  if (threads() < 2) return;
  crew_ = std::make_unique<Crew>(threads() - 1);
  Crew::of_this_thread() = crew_.get();
}

WakefulThreads::~WakefulThreads() { Crew::of_this_thread() = before_; }

WakefulThreads::Crew*& WakefulThreads::Crew::of_this_thread() {
  thread_local Crew* crew = nullptr;
  return crew;
}

WakefulThreads::Crew::Crew(int helpers) {
  for (int i = 0; i < helpers; ++i) helpers_.emplace_back([this, i] { help(i + 1); });
}

WakefulThreads::Crew::~Crew() {
  f_ = nullptr;
  ++call_;
  call_.notify_all();
  for (std::thread& helper : helpers_) helper.join();
}

void WakefulThreads::Crew::do_part(std::int64_t number) noexcept {
  const std::int64_t begin = number * part_, end = std::min(n_, begin + part_);
  if (begin >= end) return;
  try {
    (*f_)(begin, end);
  } catch (...) {
    const std::scoped_lock lock(mutex_);
    if (!thrown_) thrown_ = std::current_exception();
  }
}

/// Whoever looks out gives way to others on the same core: the caller may be one of them.
void WakefulThreads::Crew::help(std::int64_t number) {
  for (std::uint32_t seen = 0;;) {
    for (const auto start = Clock::now(); call_.load(std::memory_order_acquire) == seen && Clock::now() - start < kWakeful; std::this_thread::yield())
      for (int i = 0; i < kLooks && call_.load(std::memory_order_relaxed) == seen; ++i) pause();
    call_.wait(seen, std::memory_order_acquire);
    ++seen;
    if (!f_) return;
    do_part(number);
    left_.fetch_sub(1, std::memory_order_release);
  }
}

void WakefulThreads::Crew::run(std::int64_t n, std::int64_t grain, const Part& f) {
  const auto members = static_cast<std::int64_t>(helpers_.size()) + 1;
  n_ = n;
  part_ = std::max(grain, (n + members - 1) / members);
  f_ = &f;
  left_.store(static_cast<int>(helpers_.size()), std::memory_order_relaxed);
  call_.fetch_add(1, std::memory_order_release);
  call_.notify_all();
  Crew* const own = std::exchange(of_this_thread(), nullptr);   // a call from inside goes the usual way
  do_part(0);
  of_this_thread() = own;
  while (left_.load(std::memory_order_acquire) > 0) {
    for (int i = 0; i < kLooks && left_.load(std::memory_order_relaxed) > 0; ++i) pause();
    if (left_.load(std::memory_order_relaxed) > 0) std::this_thread::yield();
  }
  if (thrown_) std::rethrow_exception(std::exchange(thrown_, nullptr));
}

}  // namespace vitrine::engine
