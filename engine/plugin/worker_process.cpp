#include "engine/plugin/worker_process.h"

#include <algorithm>

#include <fmt/format.h>

#include "engine/isolate/child_process.h"

namespace vitrine::engine {
namespace {

namespace fs = std::filesystem;

/// Sends and waits in slices, so that a cancelled request ends the wait.
Result<Frame> converse(int fd, const Frame& request, std::chrono::milliseconds limit, const Progress& progress) {
  const Deadline deadline = std::chrono::steady_clock::now() + limit;
  VITRINE_CHECK(write_frame(fd, request, deadline));
  for (;;) {
    VITRINE_CHECK(progress.step(0, "waiting for the plugin"));
    const auto now = std::chrono::steady_clock::now();
    if (now >= deadline) return fail(ErrorCode::Cancelled, "hung");
    if (wait_readable(fd, std::min<std::chrono::milliseconds>(
            std::chrono::milliseconds(50), std::chrono::duration_cast<std::chrono::milliseconds>(deadline - now) +
                                               std::chrono::milliseconds(1))))
      return read_frame(fd, deadline);
  }
}

}  // namespace

Result<Frame> ask_worker(const fs::path& library, Frame request, std::chrono::milliseconds limit,
                         const Progress& progress) {
  using isolate::ChildProcess;
  VITRINE_TRY(const fs::path executable, isolate::program_beside("vitrine-plugin-worker"));
  VITRINE_TRY(ChildProcess child, ChildProcess::start(executable, {library.string()}, ChildProcess::Channel::Stream));
  auto answer = converse(child.channel(), request, limit, progress);
  const std::string who = "the plugin " + library.filename().string();
  if (!answer) {
    if (progress.cancelled()) return fail(ErrorCode::Cancelled, "stopped before it was finished");
    if (answer.error().code == ErrorCode::DoesNotFit) return answer;
    if (answer.error().code == ErrorCode::Cancelled)
      return fail(ErrorCode::Unsupported, fmt::format("{} did not answer within {} ms and was stopped", who, limit.count()));
    if (answer.error().code == ErrorCode::FileFormat)
      return fail(ErrorCode::Unsupported, fmt::format("{} {} before it answered", who, child.obituary()));
    return fail(ErrorCode::Unsupported, who + ": " + answer.error().message);
  }
  if (const auto error = answer->head.find("error"); error != answer->head.end() && error->is_string())
    return fail(ErrorCode::Unsupported, who + ": " + error->get<std::string>().substr(0, 500));
  return answer;
}

}  // namespace vitrine::engine
