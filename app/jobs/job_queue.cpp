#include "app/jobs/job_queue.h"

#ifdef __linux__
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include <algorithm>
#include <exception>
#include <tuple>
#include <utility>

namespace vitrine::app {

namespace {

/// Drawing goes before computing where both want the same core. Threads that libtorch starts here inherit it.
void lower_priority(Lane lane) {
#ifdef __linux__
  constexpr int kNice[kLanes] = {10, 15, 19, 12};
  ::setpriority(PRIO_PROCESS, static_cast<id_t>(::syscall(SYS_gettid)), kNice[static_cast<int>(lane)]);
#endif
}

}  // namespace

JobQueue::JobQueue() {
  for (int i = 0; i < kLanes; ++i) lanes_[i].thread = std::thread([this, i] { serve(static_cast<Lane>(i)); });
}

JobQueue::~JobQueue() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    for (auto& lane : lanes_) {
      lane.waiting.clear();
      if (lane.running) lane.running->progress.cancel();
    }
  }
  changed_.notify_all();
  for (auto& lane : lanes_) lane.thread.join();
}

void JobQueue::submit(Job job) {
  auto entry = std::make_shared<Entry>();
  const std::weak_ptr<Entry> weak = entry;
  entry->progress = engine::Progress([this, weak](double fraction, std::string_view what) {
    auto self = weak.lock();
    if (!self) return;
    give_way(*self);
    if (self->job.listener) self->job.listener(fraction, what);
  });
  entry->times.submitted = std::chrono::steady_clock::now();
  entry->job = std::move(job);
  cancel(entry->job.tag);
  {
    std::lock_guard lock(mutex_);
    lanes_[static_cast<int>(entry->job.lane)].waiting.push_back(std::move(entry));
  }
  changed_.notify_all();
}

void JobQueue::cancel_if(const std::function<bool(const std::string&)>& matches) {
  {
    std::lock_guard lock(mutex_);
    for (auto& lane : lanes_) {
      std::erase_if(lane.waiting, [&](const auto& entry) { return matches(entry->job.tag); });
      if (lane.running && matches(lane.running->job.tag)) lane.running->progress.cancel();
    }
  }
  changed_.notify_all();
}

void JobQueue::cancel(const std::string& tag) {
  cancel_if([&](const std::string& other) { return other == tag; });
}

void JobQueue::cancel_prefix(const std::string& prefix) {
  cancel_if([&](const std::string& other) { return other.rfind(prefix, 0) == 0; });
}

std::size_t JobQueue::open_jobs() const {
  std::lock_guard lock(mutex_);
  std::size_t count = 0;
  for (const auto& lane : lanes_) count += lane.waiting.size() + (lane.running ? 1 : 0);
  return count;
}

/// Called with the lock held.
std::shared_ptr<JobQueue::Entry> JobQueue::next(LaneState& lane) {
  const auto best = std::max_element(lane.waiting.begin(), lane.waiting.end(), [](const auto& a, const auto& b) {
    return std::tuple(a->job.priority, -a->job.expected_ms) < std::tuple(b->job.priority, -b->job.expected_ms);
  });
  auto entry = *best;
  lane.waiting.erase(best);
  return entry;
}

void JobQueue::serve(Lane which) {
  lower_priority(which);
  LaneState& lane = lanes_[static_cast<int>(which)];
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [&] { return stopping_ || !lane.waiting.empty(); });
    if (stopping_) return;
    lane.running = next(lane);
    const auto entry = lane.running;
    lock.unlock();
    give_way(*entry);
    run(entry);
    lock.lock();
    lane.running.reset();
    changed_.notify_all();
  }
}

/// The job door: an exception ends here and becomes a sentence.
void JobQueue::run(const std::shared_ptr<Entry>& entry) {
  entry->times.started = std::chrono::steady_clock::now();
  std::string thrown;
  try {
    entry->job.work(entry->progress);
  } catch (const std::exception& e) {
    thrown = e.what();
    if (thrown.empty()) thrown = "an exception without words";
  } catch (...) {
    thrown = "an unknown exception";
  }
  entry->times.finished = std::chrono::steady_clock::now();
  if (entry->job.done) entry->job.done(entry->times, thrown);
}

void JobQueue::give_way(const Entry& entry) {
  if (entry.job.lane == Lane::Prompt || entry.job.lane == Lane::File) return;
  const auto idle_before = [&] {
    return std::all_of(lanes_, lanes_ + static_cast<int>(entry.job.lane),
                       [](const LaneState& lane) { return lane.waiting.empty() && !lane.running; });
  };
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return stopping_ || entry.progress.cancelled() || idle_before(); });
}

}  // namespace vitrine::app
