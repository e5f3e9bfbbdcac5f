#pragma once

#include <cstdint>

namespace vitrine::engine {

/// Bytes that this process may still take: the least of what the system says is available, what its control group allows,
/// and what is left of the limit set here.
/// @cost reading three small files of the kernel
[[nodiscard]] std::int64_t free_memory();

/// Holds the process to this many bytes in all; 0: only to what the machine has.
void limit_memory(std::int64_t bytes);
/// 0: none is set.
[[nodiscard]] std::int64_t memory_limit();

}  // namespace vitrine::engine
