#pragma once

#include <memory>

namespace vitrine::engine {

/// While one is alive, `parallel_for` of this thread goes to threads that look out for the next call for a moment before they sleep.
/// For many small products one after the other (decoding), where waking a thread takes longer than the work it is woken for.
class WakefulThreads {
 public:
  WakefulThreads();
  ~WakefulThreads();
  WakefulThreads(const WakefulThreads&) = delete;
  WakefulThreads& operator=(const WakefulThreads&) = delete;

  class Crew;

 private:
  std::unique_ptr<Crew> crew_;
  Crew* before_;
};

}  // namespace vitrine::engine
