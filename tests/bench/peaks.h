#pragma once

#include <cstdint>

namespace vitrine::bench {

/// Float32 operations a second of all threads in fused multiply-adds that never leave the registers.
[[nodiscard]] double measured_fma_peak();
/// Bytes a second that all threads together read from memory that no cache holds.
[[nodiscard]] double measured_read_bandwidth();

}  // namespace vitrine::bench
