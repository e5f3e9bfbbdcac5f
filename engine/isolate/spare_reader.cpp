#include "engine/isolate/spare_reader.h"

#include <thread>
#include <utility>

#include <poll.h>

namespace vitrine::engine::isolate {
namespace {

namespace fs = std::filesystem;

fs::path here() {
  std::error_code problem;
  return fs::current_path(problem);
}

/// Whether it still listens: nothing has come from it, not even its end.
bool listens(const ChildProcess& child) {
  pollfd channel{child.channel(), POLLIN, 0};
  return ::poll(&channel, 1, 0) == 0;
}

}  // namespace

SpareReader& SpareReader::instance() {
  static SpareReader& only = *new SpareReader;   // its thread is never ended
  return only;
}

void SpareReader::keep(const fs::path& program) {
  std::unique_ptr<Waiting> gone;
  const std::lock_guard lock(guard_);
  if (program_ == program) return;
  program_ = program;
  gone.swap(waiting_);
  if (!program.empty() && !std::exchange(works_, true)) std::thread([this] { work(); }).detach();
  changed_.notify_one();
}

Result<ChildProcess> SpareReader::take(const fs::path& program) {
  std::unique_ptr<Waiting> taken;
  {
    const std::lock_guard lock(guard_);
    taken.swap(waiting_);
    changed_.notify_one();
  }
  if (taken && taken->program == program && taken->folder == here() && listens(taken->child)) return std::move(taken->child);
  return ChildProcess::start(program, {}, ChildProcess::Channel::Packets);
}

bool SpareReader::waits() const {
  const std::lock_guard lock(guard_);
  return waiting_ != nullptr;
}

std::unique_ptr<SpareReader::Waiting> SpareReader::start(const fs::path& program) {
  fs::path folder = here();
  auto child = ChildProcess::start(program, {}, ChildProcess::Channel::Packets);
  if (!child) return nullptr;
  return std::unique_ptr<Waiting>(new Waiting{std::move(*child), program, std::move(folder)});
}

void SpareReader::work() {
  std::unique_lock lock(guard_);
  for (;;) {
    changed_.wait(lock, [this] { return !program_.empty() && !waiting_; });
    const fs::path program = program_;
    lock.unlock();
    auto started = start(program);
    lock.lock();
    if (!started) program_.clear();   // those who ask are told why
    else if (program == program_) waiting_ = std::move(started);
  }
}

}  // namespace vitrine::engine::isolate
