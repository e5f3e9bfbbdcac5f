#include "engine/core/memory.h"

#include <atomic>
#include <cstdlib>

namespace vitrine::engine {
namespace {

constexpr std::size_t kReserve = std::size_t{4} << 20;

std::atomic<void*> reserve{nullptr};
std::atomic<bool> low{false};
thread_local int doors = 0;

/// Returns where there is something to try again with.
void on_no_memory() {
  void* const block = reserve.exchange(nullptr);
  low = true;
  if (block == nullptr) throw std::bad_alloc();
  std::free(block);
}

}  // namespace

InsideDoor::InsideDoor() noexcept { ++doors; }
InsideDoor::~InsideDoor() { --doors; }

bool memory_is_low() noexcept { return doors > 0 && low.load(std::memory_order_relaxed); }

bool keep_memory_in_reserve() noexcept {
  if (reserve.load(std::memory_order_relaxed) != nullptr) return true;
  void* const block = std::malloc(kReserve);
  if (block == nullptr) return false;
  std::set_new_handler(on_no_memory);
  void* before = nullptr;
  if (!reserve.compare_exchange_strong(before, block)) std::free(block);
  low = false;
  return true;
}

Error out_of_memory(const std::string& file) noexcept {
  Error error;
  error.code = ErrorCode::FileLimit;
  error.message = "out of memory";  // short enough to be kept without an allocation
  try {
    error.message = "not enough memory to read it";
    error.file = file;
  } catch (...) {
  }
  return error;
}

}  // namespace vitrine::engine
