#include "engine/io/shrink_guard.h"

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <mutex>

#include <sys/mman.h>
#include <unistd.h>

namespace vitrine::engine {
namespace {

constexpr std::uint64_t kNever = UINT64_MAX;

/// A range that the handler may repair. `begin` is 0 while the slot is free; all fields are read in the handler.
struct Slot {
  std::atomic<std::uintptr_t> begin{0};
  std::atomic<std::uintptr_t> end{0};
  std::atomic<std::uint64_t> shrunk_at{kNever};
};

std::array<Slot, 4096> slots;
std::mutex filling;
struct sigaction before_us {};
std::uintptr_t page_bytes = 4096;

static_assert(std::atomic<std::uintptr_t>::is_always_lock_free && std::atomic<std::uint64_t>::is_always_lock_free);

/// Everything behind a byte that is past the end of the file is past it too: one anonymous mapping serves the rest.
bool repair(std::uintptr_t address) {
  for (Slot& slot : slots) {
    const std::uintptr_t begin = slot.begin.load(std::memory_order_acquire);
    const std::uintptr_t end = slot.end.load(std::memory_order_acquire);
    if (begin == 0 || address < begin || address >= end) continue;
    const std::uintptr_t page = address & ~(page_bytes - 1);
    const std::uint64_t at = page - begin;
    std::uint64_t known = slot.shrunk_at.load();
    while (at < known && !slot.shrunk_at.compare_exchange_weak(known, at)) {
    }
    return ::mmap(reinterpret_cast<void*>(page), end - page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) !=
           MAP_FAILED;
  }
  return false;
}

void on_bus_error(int signal, siginfo_t* info, void* context) {
  const int kept = errno;
  if (info->si_code == BUS_ADRERR && repair(reinterpret_cast<std::uintptr_t>(info->si_addr))) {
    errno = kept;
    return;
  }
  if ((before_us.sa_flags & SA_SIGINFO) != 0 && before_us.sa_sigaction != nullptr) {
    before_us.sa_sigaction(signal, info, context);
  } else if (before_us.sa_handler != SIG_DFL && before_us.sa_handler != SIG_IGN) {
    before_us.sa_handler(signal);
  } else {
    ::sigaction(SIGBUS, &before_us, nullptr);   // the instruction runs again and ends the process as it would have
  }
  errno = kept;
}

void install() {
  static std::once_flag once;
  std::call_once(once, [] {
    page_bytes = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
    struct sigaction ours {};
    ours.sa_sigaction = on_bus_error;
    ours.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigemptyset(&ours.sa_mask);
    ::sigaction(SIGBUS, &ours, &before_us);
  });
}

}  // namespace

ShrinkGuard::ShrinkGuard(const void* begin, std::size_t size) {
  install();
  const std::lock_guard lock(filling);
  for (std::size_t i = 0; i < slots.size(); ++i) {
    if (slots[i].begin.load() != 0) continue;
    slots[i].shrunk_at.store(kNever);
    slots[i].end.store((reinterpret_cast<std::uintptr_t>(begin) + size + page_bytes - 1) & ~(page_bytes - 1),
                       std::memory_order_release);
    slots[i].begin.store(reinterpret_cast<std::uintptr_t>(begin), std::memory_order_release);
    slot_ = static_cast<int>(i);
    return;
  }
}

ShrinkGuard::~ShrinkGuard() {
  if (slot_ < 0) return;
  const std::lock_guard lock(filling);
  Slot& slot = slots[static_cast<std::size_t>(slot_)];
  slot.begin.store(0, std::memory_order_release);
  slot.end.store(0, std::memory_order_release);
}

std::optional<std::uint64_t> ShrinkGuard::shrunk_at() const {
  if (slot_ < 0) return std::nullopt;
  const std::uint64_t at = slots[static_cast<std::size_t>(slot_)].shrunk_at.load();
  return at == kNever ? std::nullopt : std::optional(at);
}

}  // namespace vitrine::engine
