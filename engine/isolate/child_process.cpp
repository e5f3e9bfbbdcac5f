#include "engine/isolate/child_process.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>
#include <thread>
#include <utility>

#include <dlfcn.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

extern char** environ;

namespace vitrine::engine::isolate {
namespace {

namespace fs = std::filesystem;

Status limit(int what, std::uint64_t most, const char* name) {
  rlimit now{};
  if (::getrlimit(static_cast<__rlimit_resource>(what), &now) != 0) now.rlim_max = RLIM_INFINITY;
  const rlim_t value = std::min<rlim_t>(most, now.rlim_max);
  const rlimit wanted{value, value};
  if (::setrlimit(static_cast<__rlimit_resource>(what), &wanted) == 0) return {};
  return fail(ErrorCode::Internal, fmt::format("the limit on {} cannot be set: {}", name, std::strerror(errno)));
}

}  // namespace

Result<fs::path> program_beside(std::string_view name) {
  std::error_code ignored;
  fs::path tried = fs::read_symlink("/proc/self/exe", ignored).parent_path() / name;
  if (fs::exists(tried, ignored)) return tried;
  Dl_info info{};
  if (dladdr(reinterpret_cast<void*>(&program_beside), &info) != 0 && info.dli_fname != nullptr) {
    tried = fs::path(info.dli_fname).parent_path().parent_path() / "bin" / name;
    if (fs::exists(tried, ignored)) return tried;
  }
  return fail(ErrorCode::FileMissing, fmt::format("{} was not found beside the program", name));
}

Result<ChildProcess> ChildProcess::start(const fs::path& program, const std::vector<std::string>& arguments,
                                         Channel channel) {
  std::array<int, 2> ends{};
  const int type = channel == Channel::Stream ? SOCK_STREAM : SOCK_SEQPACKET;
  if (::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends.data()) != 0)
    return fail(ErrorCode::Internal, fmt::format("cannot open a channel to a process: {}", std::strerror(errno)));
  ChildProcess child;
  child.channel_ = Descriptor(ends[0]);
  const Descriptor theirs(ends[1]);
  std::string name = program.string();
  std::vector<std::string> words = arguments;
  std::vector<char*> argv{name.data()};
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, theirs.get(), STDIN_FILENO);
  ::posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
  const int problem = ::posix_spawn(&child.pid_, name.c_str(), &actions, nullptr, argv.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (problem != 0) {
    child.pid_ = -1;
    return fail(ErrorCode::Internal, fmt::format("cannot start {}: {}", name, std::strerror(problem)));
  }
  return child;
}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept
    : channel_(std::move(other.channel_)), pid_(std::exchange(other.pid_, -1)), status_(other.status_),
      signal_(other.signal_), usage_(other.usage_) {}

ChildProcess::~ChildProcess() { kill(); }

bool ChildProcess::reap(int options) {
  rusage used{};
  pid_t ended = 0;
  do ended = ::wait4(pid_, &status_, options, &used);
  while (ended < 0 && errno == EINTR);
  if (ended != pid_) return false;
  pid_ = -1;
  if (WIFSIGNALED(status_)) signal_ = WTERMSIG(status_);
  usage_.peak_bytes = static_cast<std::uint64_t>(used.ru_maxrss) * 1024;
  usage_.cpu_seconds = static_cast<double>(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
                       static_cast<double>(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
  return true;
}

void ChildProcess::kill() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  reap(0);
}

std::chrono::milliseconds ChildProcess::cpu_time() const {
  clockid_t clock{};
  timespec used{};
  if (pid_ <= 0 || ::clock_getcpuclockid(pid_, &clock) != 0 || ::clock_gettime(clock, &used) != 0) return {};
  return std::chrono::milliseconds(used.tv_sec * 1000 + used.tv_nsec / 1'000'000);
}

std::string ChildProcess::obituary() {
  for (int i = 0; i < 100 && pid_ > 0 && !reap(WNOHANG); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  if (pid_ > 0) {
    kill();
    return "closed its channel";
  }
  if (WIFSIGNALED(status_))
    return fmt::format("ended by signal {} ({})", WTERMSIG(status_), ::strsignal(WTERMSIG(status_)));
  return fmt::format("ended with exit code {}", WEXITSTATUS(status_));
}

Status limit_this_process(const ProcessLimits& limits) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  VITRINE_CHECK(limit(RLIMIT_CORE, 0, "core files"));
  if (!kSanitized && limits.data_bytes > 0) VITRINE_CHECK(limit(RLIMIT_DATA, limits.data_bytes, "memory"));
  if (!kSanitized && limits.address_bytes > 0) VITRINE_CHECK(limit(RLIMIT_AS, limits.address_bytes, "memory"));
  if (limits.cpu_seconds > 0) VITRINE_CHECK(limit(RLIMIT_CPU, limits.cpu_seconds, "processor time"));
  if (limits.descriptors > 0) VITRINE_CHECK(limit(RLIMIT_NOFILE, limits.descriptors, "open files"));
  if (!limits.writes_files) VITRINE_CHECK(limit(RLIMIT_FSIZE, 0, "written files"));
  if (!limits.starts_processes) VITRINE_CHECK(limit(RLIMIT_NPROC, 0, "processes"));
  return {};
}

}  // namespace vitrine::engine::isolate
