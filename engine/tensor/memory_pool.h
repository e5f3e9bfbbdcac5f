#pragma once

#include <cstdint>

namespace vitrine::engine {

/// While one is alive, large tensors made by this thread take memory that earlier scopes gave back, so that a pass does not
/// wait for the system to map and clear pages again. What nobody took for some scopes goes back to the system, and so does
/// what is more than a bound.
class PooledMemory {
 public:
  PooledMemory();
  ~PooledMemory();
  PooledMemory(const PooledMemory&) = delete;
  PooledMemory& operator=(const PooledMemory&) = delete;
};

inline constexpr std::int64_t kMostIdleBytes = std::int64_t{512} << 20;
/// Scopes that idle memory outlives.
inline constexpr int kIdleScopes = 4;

/// Memory in nobody's use, bytes.
[[nodiscard]] std::int64_t idle_pool_bytes();

}  // namespace vitrine::engine
