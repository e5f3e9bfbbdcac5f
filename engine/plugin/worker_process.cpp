#include "engine/plugin/worker_process.h"

#include <csignal>
#include <dlfcn.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <thread>
#include <utility>

#include <fmt/format.h>

extern char** environ;

namespace vitrine::engine {
namespace {

namespace fs = std::filesystem;

/// `vitrine-plugin-worker` beside the executable, else in `bin` beside the library that this code is in.
Result<fs::path> worker_executable() {
  std::error_code ignored;
  fs::path tried = fs::read_symlink("/proc/self/exe", ignored).parent_path() / "vitrine-plugin-worker";
  if (fs::exists(tried, ignored)) return tried;
  Dl_info info{};
  if (dladdr(reinterpret_cast<void*>(&worker_executable), &info) != 0 && info.dli_fname != nullptr) {
    tried = fs::path(info.dli_fname).parent_path().parent_path() / "bin" / "vitrine-plugin-worker";
    if (fs::exists(tried, ignored)) return tried;
  }
  return fail(ErrorCode::FileMissing, "vitrine-plugin-worker was not found beside the program");
}

/// A child with one end of a socket pair as its standard input; killed and reaped when it goes out of scope.
class Child {
 public:
  static Result<Child> start(const fs::path& executable, const fs::path& library) {
    std::array<int, 2> ends{};
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0)
      return fail(ErrorCode::Internal, fmt::format("cannot open a channel to a plugin process: {}", std::strerror(errno)));
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDIN_FILENO);
    posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
    std::string program = executable.string(), argument = library.string();
    std::array<char*, 3> arguments{program.data(), argument.data(), nullptr};
    Child child;
    child.fd_ = ends[0];
    const int problem = posix_spawn(&child.pid_, program.c_str(), &actions, nullptr, arguments.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    if (problem != 0) {
      child.pid_ = -1;
      return fail(ErrorCode::Internal, fmt::format("cannot start a plugin process: {}", std::strerror(problem)));
    }
    return child;
  }

  Child(Child&& other) noexcept : fd_(std::exchange(other.fd_, -1)), pid_(std::exchange(other.pid_, -1)) {}
  Child& operator=(Child&&) = delete;
  ~Child() {
    if (fd_ >= 0) close(fd_);
    if (pid_ > 0) {
      kill(pid_, SIGKILL);
      waitpid(pid_, nullptr, 0);
    }
  }

  [[nodiscard]] int fd() const { return fd_; }

  /// What became of a process whose channel has closed: a crash is told from an ordinary end, and one that closed its
  /// channel and runs on is not waited for.
  std::string obituary() {
    int status = 0;
    pid_t ended = 0;
    for (int i = 0; i < 100 && ended == 0; ++i) {
      ended = waitpid(pid_, &status, WNOHANG);
      if (ended == 0) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    if (ended != pid_) return "closed its channel";
    pid_ = -1;
    if (WIFSIGNALED(status)) return fmt::format("crashed with signal {} ({})", WTERMSIG(status), strsignal(WTERMSIG(status)));
    return fmt::format("ended with exit code {}", WEXITSTATUS(status));
  }

 private:
  Child() = default;
  int fd_ = -1;
  pid_t pid_ = -1;
};

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
  VITRINE_TRY(const fs::path executable, worker_executable());
  VITRINE_TRY(Child child, Child::start(executable, library));
  auto answer = converse(child.fd(), request, limit, progress);
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
