#pragma once

#include <cstdint>

namespace vitrine::engine {

inline constexpr std::int64_t kMostIdleBytes = std::int64_t{512} << 20;

/// While one is alive, large tensors made by this thread take memory that earlier scopes gave back, so that a pass does not
/// wait for the system to map and clear pages again. What nobody took for some scopes goes back to the system, and so does
/// what is more than a bound.
class PooledMemory {
 public:
  /// @param most_idle bytes that wait for somebody to take them, of what this thread gives back
  explicit PooledMemory(std::int64_t most_idle = kMostIdleBytes);
  ~PooledMemory();
  PooledMemory(const PooledMemory&) = delete;
  PooledMemory& operator=(const PooledMemory&) = delete;

 private:
  std::int64_t before_;
};

/// Scopes that idle memory outlives.
inline constexpr int kIdleScopes = 4;

/// Memory in nobody's use, bytes.
[[nodiscard]] std::int64_t idle_pool_bytes();

}  // namespace vitrine::engine
