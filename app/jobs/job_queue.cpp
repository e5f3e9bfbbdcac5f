#include "app/jobs/job_queue.h"

#include <algorithm>
#include <exception>
#include <tuple>
#include <utility>

#include "app/jobs/lane_priority.h"

namespace vitrine::app {

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
  way_free_.ring();
  for (auto& lane : lanes_) lane.work.ring();
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
  LaneState& lane = lanes_[static_cast<int>(entry->job.lane)];
  bool freed = false, sleeps = false;
  {
    std::lock_guard lock(mutex_);
    freed = cancel_locked([&](const std::string& tag) { return tag == entry->job.tag; });
    sleeps = !lane.running;
    lane.waiting.push_back(std::move(entry));
  }
  if (freed) way_free_.ring();
  if (sleeps) lane.work.ring();
}

/// True if a lane that waits for others should look again. Called with the lock held.
bool JobQueue::cancel_locked(const Matches& matches) {
  bool look_again = false;
  for (auto& lane : lanes_) {
    const bool erased = std::erase_if(lane.waiting, [&](const auto& entry) { return matches(entry->job.tag); }) > 0;
    const bool stopped = lane.running && matches(lane.running->job.tag);
    if (stopped) lane.running->progress.cancel();
    look_again = look_again || stopped || (erased && lane.idle());
  }
  return look_again;
}

void JobQueue::cancel_if(const Matches& matches) {
  bool freed = false;
  {
    std::lock_guard lock(mutex_);
    freed = cancel_locked(matches);
  }
  if (freed) way_free_.ring();
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
  stand_back(which);
  LaneState& lane = lanes_[static_cast<int>(which)];
  while (true) {
    const int before = lane.work.rung();
    std::shared_ptr<Entry> entry;
    {
      std::lock_guard lock(mutex_);
      if (stopping_) return;
      if (!lane.waiting.empty()) entry = lane.running = next(lane);
    }
    if (!entry) {
      lane.work.wait(before);
      continue;
    }
    give_way(*entry);
    run(entry);
    bool idle = false;
    {
      std::lock_guard lock(mutex_);
      lane.running.reset();
      idle = lane.idle();
    }
    if (idle) way_free_.ring();
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
  const auto may_go = [&] {
    std::lock_guard lock(mutex_);
    return stopping_ || entry.progress.cancelled() ||
           std::all_of(lanes_, lanes_ + static_cast<int>(entry.job.lane), [](const LaneState& lane) { return lane.idle(); });
  };
  while (true) {
    const int before = way_free_.rung();
    if (may_go()) return;
    way_free_.wait(before);
  }
}

}  // namespace vitrine::app
