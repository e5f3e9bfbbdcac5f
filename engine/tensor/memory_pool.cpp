#include "engine/tensor/memory_pool.h"

#include <sys/mman.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <new>
#include <unordered_map>
#include <utility>
#include <vector>

#include <c10/core/CPUAllocator.h>

#include "engine/core/free_memory.h"

namespace vitrine::engine {

namespace {

constexpr std::size_t kWorthPooling = std::size_t{256} << 10;
constexpr std::size_t kHugePage = std::size_t{2} << 20;
constexpr std::size_t kGrain = std::size_t{64} << 10;

thread_local int scopes_of_thread = 0;
thread_local std::int64_t most_idle_of_thread = kMostIdleBytes;

std::size_t rounded(std::size_t n, std::size_t to) { return (n + to - 1) / to * to; }

/// Fresh pages; nullptr if there are none.
void* map_pages(std::size_t bytes) {
  const std::size_t extra = bytes >= kHugePage ? kHugePage : 0;
  void* const mapped = mmap(nullptr, bytes + extra, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) return nullptr;
  if (extra == 0) return mapped;
  auto* const begin = static_cast<std::byte*>(mapped);
  const std::size_t before = rounded(reinterpret_cast<std::uintptr_t>(begin), kHugePage) - reinterpret_cast<std::uintptr_t>(begin);
  if (before > 0) munmap(begin, before);
  if (before < extra) munmap(begin + before + bytes, extra - before);
  madvise(begin + before, bytes, MADV_HUGEPAGE);   // where the system does not, small pages serve as well
  return begin + before;
}

class Pool final : public c10::Allocator {
 public:
  explicit Pool(c10::Allocator* system) : system_(system) {}

  c10::DataPtr allocate(std::size_t n) override {
    if (scopes_of_thread == 0 || n < kWorthPooling) return system_->allocate(n);
    void* const data = take(rounded(n, kGrain));
    return {data, data, &Pool::give_back, c10::Device(c10::DeviceType::CPU)};
  }
  /// Some operators keep the pointer alone and give it back through this, whoever it came from.
  c10::DeleterFnPtr raw_deleter() const override { return &Pool::give_back_any; }
  void copy_data(void* dest, const void* src, std::size_t count) const override { default_copy_data(dest, src, count); }

  void end_scope() {
    const std::scoped_lock lock(mutex_);
    ++epoch_;
    for (auto it = idle_.begin(); it != idle_.end();) {
      std::erase_if(it->second, [&](const Idle& block) {
        if (block.since + kIdleScopes >= epoch_) return false;
        unmap(block.data, it->first);
        idle_bytes_ -= it->first;
        return true;
      });
      it = it->second.empty() ? idle_.erase(it) : std::next(it);
    }
  }
  std::size_t idle_bytes() {
    const std::scoped_lock lock(mutex_);
    return idle_bytes_;
  }

 private:
  struct Idle {
    void* data;
    std::int64_t since;
  };

  void* take(std::size_t bytes) {
    const std::scoped_lock lock(mutex_);
    // The smallest that is large enough, unless a quarter of it would be wasted; of equal ones the last used.
    if (auto it = idle_.lower_bound(bytes); it != idle_.end() && it->first <= bytes + bytes / 4) {
      void* const data = it->second.back().data;
      it->second.pop_back();
      idle_bytes_ -= it->first;
      taken_[data] = it->first;
      if (it->second.empty()) idle_.erase(it);
      return data;
    }
    void* data = map_pages(bytes);
    if (!data) {
      for (const auto& [size, blocks] : idle_)
        for (const Idle& block : blocks) unmap(block.data, size);
      idle_.clear();
      idle_bytes_ = 0;
      data = map_pages(bytes);
    }
    if (!data) throw std::bad_alloc();
    taken_[data] = bytes;
    return data;
  }

  /// False if it is none of the pool's.
  bool put(void* data) {
    const std::scoped_lock lock(mutex_);
    const auto it = taken_.find(data);
    if (it == taken_.end()) return false;
    const std::size_t bytes = it->second;
    taken_.erase(it);
    if (idle_bytes_ + bytes > most_idle()) {
      unmap(data, bytes);
      return true;
    }
    idle_[bytes].push_back({data, epoch_});
    idle_bytes_ += bytes;
    return true;
  }

  /// What a limit of the process leaves for it.
  static std::size_t most_idle() {
    const std::int64_t limit = memory_limit();
    return static_cast<std::size_t>(limit > 0 ? std::min(most_idle_of_thread, limit / 8) : most_idle_of_thread);
  }
  static void unmap(void* data, std::size_t bytes) { munmap(data, bytes); }
  static void give_back(void* data);
  static void give_back_any(void* data);

  c10::Allocator* system_;
  std::mutex mutex_;
  std::map<std::size_t, std::vector<Idle>> idle_;
  std::unordered_map<void*, std::size_t> taken_;
  std::size_t idle_bytes_ = 0;
  std::int64_t epoch_ = 0;
};

/// Never destroyed: tensors may outlive every other object of the program.
Pool& pool() {
  static Pool* const only = [] {
    auto* made = new Pool(c10::GetCPUAllocator());
    c10::SetCPUAllocator(made, 1);
    return made;
  }();
  return *only;
}

void Pool::give_back(void* data) { pool().put(data); }
void Pool::give_back_any(void* data) {
  if (data && !pool().put(data)) pool().system_->raw_deallocate(data);
}

}  // namespace

PooledMemory::PooledMemory(std::int64_t most_idle) : before_(std::exchange(most_idle_of_thread, std::min(most_idle_of_thread, most_idle))) {
  pool();
  ++scopes_of_thread;
}

PooledMemory::~PooledMemory() {
  most_idle_of_thread = before_;
  if (--scopes_of_thread == 0) pool().end_scope();
}

std::int64_t idle_pool_bytes() { return static_cast<std::int64_t>(pool().idle_bytes()); }

}  // namespace vitrine::engine
