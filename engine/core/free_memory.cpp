#include "engine/core/free_memory.h"

#include <algorithm>
#include <atomic>
#include <fstream>
#include <limits>
#include <string>

#include <unistd.h>

namespace vitrine::engine {
namespace {

constexpr std::int64_t kUnknown = std::numeric_limits<std::int64_t>::max();

std::atomic<std::int64_t>& limit() {
  static std::atomic<std::int64_t> bytes{0};
  return bytes;
}

/// The first number of a file, or of its line that begins with `key`.
std::int64_t number_in(const char* path, const std::string& key = {}) {
  std::ifstream in(path);
  std::string word;
  while (!key.empty() && in >> word && word != key) {
  }
  std::int64_t value = 0;
  return in >> value ? value : kUnknown;
}

std::int64_t resident() {
  std::ifstream in("/proc/self/statm");
  std::int64_t all = 0, pages = 0;
  return in >> all >> pages ? pages * sysconf(_SC_PAGESIZE) : 0;
}

}  // namespace

std::int64_t free_memory() {
  std::int64_t left = kUnknown;
  if (const auto kilobytes = number_in("/proc/meminfo", "MemAvailable:"); kilobytes != kUnknown) left = kilobytes * 1024;
  const auto most = number_in("/sys/fs/cgroup/memory.max"), used = number_in("/sys/fs/cgroup/memory.current");
  if (most != kUnknown && used != kUnknown) left = std::min(left, std::max<std::int64_t>(0, most - used));
  if (const std::int64_t own = limit().load(); own > 0) left = std::min(left, std::max<std::int64_t>(0, own - resident()));
  return left;
}

void limit_memory(std::int64_t bytes) { limit().store(bytes); }
std::int64_t memory_limit() { return limit().load(); }

}  // namespace vitrine::engine
