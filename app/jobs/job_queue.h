#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "engine/core/progress.h"

namespace vitrine::app {

/// Three threads compute, one at a time wherever the slower work reports progress: it stops at its next
/// `Progress::step` until the lanes before its own are idle, so that a toggled head is answered while a ranking fills in.
/// A fourth opens files. It waits for no lane and none waits for it: a file whose reader hangs costs only its own request.
enum class Lane {
  Prompt = 0,
  Slow = 1,    ///< took long the last time
  Sweep = 2,   ///< many runs by its nature
  File = 3,
};
inline constexpr int kLanes = 4;

/// What is computed next. Higher numbers go first; among equal ones what was quickest the last time, then what came first.
enum class Priority { Background = 0, Hidden = 1, Visible = 2, State = 3 };

/// When a job was submitted, started and finished (steady clock).
struct JobTimes {
  std::chrono::steady_clock::time_point submitted, started, finished;
};

struct Job {
  std::string tag;                ///< a newer job with the same tag cancels and replaces this one
  Priority priority = Priority::Hidden;
  Lane lane = Lane::Prompt;
  double expected_ms = 0;         ///< 0: unknown
  /// Runs on the lane's thread. What it throws goes to `done`.
  std::function<void(const engine::Progress&)> work;
  /// On the lane's thread, after `work`; `thrown` is empty unless an exception came out of it. Not called for a
  /// job that was cancelled before it started.
  std::function<void(const JobTimes&, const std::string& thrown)> done;
  engine::Progress::Listener listener;   ///< on the lane's thread; may be empty
};

/// Wakes threads without waiting for them. Who notifies a condition variable may have to wait until those that it woke
/// before have run; where they compute at a low priority, that is several pictures.
class Bell {
 public:
  [[nodiscard]] int rung() const { return rung_.load(); }
  void ring() {
    rung_.fetch_add(1);
    rung_.notify_all();
  }
  /// Returns once it was rung after `rung` said `before`.
  void wait(int before) const { rung_.wait(before); }

 private:
  std::atomic<int> rung_ = 0;
};

/// Tagged jobs on the lanes' threads. Every function may be called from any thread.
class JobQueue {
 public:
  JobQueue();
  /// Cancels everything and waits for what runs.
  ~JobQueue();
  JobQueue(const JobQueue&) = delete;
  JobQueue& operator=(const JobQueue&) = delete;

  void submit(Job job);
  /// Removes it if it waits, stops it at its next step if it runs.
  void cancel(const std::string& tag);
  void cancel_prefix(const std::string& prefix);
  /// Jobs that wait or run.
  [[nodiscard]] std::size_t open_jobs() const;

 private:
  struct Entry {
    Job job;
    engine::Progress progress;
    JobTimes times;
  };
  struct LaneState {
    std::list<std::shared_ptr<Entry>> waiting;
    std::shared_ptr<Entry> running;
    Bell work;   ///< something to do
    std::thread thread;
    [[nodiscard]] bool idle() const { return waiting.empty() && !running; }
  };
  using Matches = std::function<bool(const std::string& tag)>;

  void serve(Lane lane);
  std::shared_ptr<Entry> next(LaneState& lane);
  void run(const std::shared_ptr<Entry>& entry);
  void give_way(const Entry& entry);
  bool cancel_locked(const Matches& matches);
  void cancel_if(const Matches& matches);

  mutable std::mutex mutex_;
  Bell way_free_;   ///< a lane became idle, or what waited for that is cancelled
  LaneState lanes_[kLanes];
  bool stopping_ = false;
};

}  // namespace vitrine::app
