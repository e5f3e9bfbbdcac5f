#include "app/reader/sandbox.h"

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <memory>

#include <fcntl.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <fmt/format.h>

#include "engine/isolate/child_process.h"

namespace vitrine::app {
namespace {

using engine::ErrorCode;
using engine::Result;
using engine::Status;
using engine::isolate::kSanitized;

/// Accesses that each version of Landlock knows beyond the one before (linux/landlock.h), files and network.
constexpr std::uint64_t kFileAccess[] = {0x1FFF, 0x2000, 0x4000, 0, 0x8000};
constexpr int kNetworkSince = 4, kScopesSince = 6;
constexpr std::uint64_t kReadDirectory = 1U << 3;

struct Ruleset {
  std::uint64_t files = 0, network = 0, scopes = 0;
};

/// The version in force; 0 where the kernel has none.
int enter_landlock(const std::filesystem::path& listed) {
  const long version = ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  if (version < 1) return 0;
  Ruleset rules;
  for (long v = 0; v < version && v < static_cast<long>(std::size(kFileAccess)); ++v) rules.files |= kFileAccess[v];
  if (version >= kNetworkSince) rules.network = 3;
  if (version >= kScopesSince) rules.scopes = 3;
  const std::size_t size = version >= kScopesSince ? 24 : version >= kNetworkSince ? 16 : 8;
  const int ruleset = static_cast<int>(::syscall(SYS_landlock_create_ruleset, &rules, size, 0));
  if (ruleset < 0) return 0;
  const int folder = listed.empty() ? -1 : ::open(listed.c_str(), O_PATH | O_CLOEXEC | O_DIRECTORY);
  if (folder >= 0) {
    landlock_path_beneath_attr names{};
    names.allowed_access = kReadDirectory;
    names.parent_fd = folder;
    ::syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &names, 0);
    ::close(folder);
  }
  const bool entered = ::syscall(SYS_landlock_restrict_self, ruleset, 0) == 0;
  ::close(ruleset);
  return entered ? static_cast<int>(version) : 0;
}

/// Calls that a reader makes after it has started.
constexpr int kAllowed[] = {
    SCMP_SYS(recvmsg),    SCMP_SYS(sendmsg),      SCMP_SYS(pread64),       SCMP_SYS(close),
    SCMP_SYS(munmap),     SCMP_SYS(mremap),       SCMP_SYS(madvise),       SCMP_SYS(brk),
    SCMP_SYS(fstat),      SCMP_SYS(newfstatat),   SCMP_SYS(statx),         SCMP_SYS(stat),
    SCMP_SYS(lstat),      SCMP_SYS(readlink),     SCMP_SYS(readlinkat),    SCMP_SYS(getcwd),
    SCMP_SYS(getdents64), SCMP_SYS(lseek),        SCMP_SYS(futex),         SCMP_SYS(getpid),
    SCMP_SYS(gettid),     SCMP_SYS(getrandom),    SCMP_SYS(clock_gettime), SCMP_SYS(exit_group),
    SCMP_SYS(exit),       SCMP_SYS(rt_sigreturn), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigaction),
    SCMP_SYS(sigaltstack), SCMP_SYS(sched_getaffinity), SCMP_SYS(restart_syscall), SCMP_SYS(access),
    SCMP_SYS(faccessat),  SCMP_SYS(faccessat2),
};
/// Calls that libraries try in passing and do without.
constexpr int kDenied[] = {
    SCMP_SYS(open), SCMP_SYS(openat2), SCMP_SYS(uname), SCMP_SYS(sysinfo),
};

Status add_rules(scmp_filter_ctx filter) {
  int bad = 0;
  for (const int call : kAllowed) bad |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0);
  const std::uint64_t code = PROT_EXEC, change = O_ACCMODE | O_CREAT | O_TRUNC | (O_TMPFILE & ~O_DIRECTORY) | O_DIRECTORY;
  bad |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, code, 0));
  bad |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, code, 0));
  // What the runtime says before it aborts, and the abort.
  bad |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(write), 1, SCMP_A0(SCMP_CMP_EQ, STDERR_FILENO));
  bad |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(writev), 1, SCMP_A0(SCMP_CMP_EQ, STDERR_FILENO));
  bad |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
                          SCMP_A0(SCMP_CMP_EQ, static_cast<scmp_datum_t>(::getpid())));
  // Limits may be asked for, not set.
  bad |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 1, SCMP_A2(SCMP_CMP_EQ, 0));
  // Names of a folder may be listed; every other way of opening fails.
  bad |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1,
                          SCMP_A2(SCMP_CMP_MASKED_EQ, change, O_RDONLY | O_DIRECTORY));
  bad |= seccomp_rule_add(filter, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(openat), 1,
                          SCMP_A2(SCMP_CMP_MASKED_EQ, O_DIRECTORY, 0));
  for (const int what : {F_GETFL, F_GETFD, F_SETFD})
    bad |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 1,
                            SCMP_A1(SCMP_CMP_EQ, static_cast<scmp_datum_t>(what)));
  bad |= seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOTTY), SCMP_SYS(ioctl), 0);
  for (const int call : kDenied) bad |= seccomp_rule_add(filter, SCMP_ACT_ERRNO(EACCES), call, 0);
  if (bad == 0) return {};
  return engine::fail(ErrorCode::Internal, "the filter of system calls cannot be made");
}

Status enter_seccomp() {
  const std::unique_ptr<void, void (*)(scmp_filter_ctx)> filter(seccomp_init(SCMP_ACT_KILL_PROCESS), seccomp_release);
  if (!filter) return engine::fail(ErrorCode::Internal, "the filter of system calls cannot be made");
  VITRINE_CHECK(add_rules(filter.get()));
  if (const int problem = seccomp_load(filter.get()); problem != 0)
    return engine::fail(ErrorCode::Internal,
                        fmt::format("the filter of system calls is refused by the kernel: {}", std::strerror(-problem)));
  return {};
}

}  // namespace

Result<std::vector<std::string>> enter_sandbox(const std::filesystem::path& listed) {
  std::vector<std::string> in_force;
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  if (const int version = enter_landlock(listed); version > 0) in_force.push_back(fmt::format("Landlock {}", version));
  if constexpr (!kSanitized) {
    VITRINE_CHECK(enter_seccomp());
    in_force.emplace_back("seccomp");
  }
  return in_force;
}

}  // namespace vitrine::app
