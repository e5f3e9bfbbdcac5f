#pragma once

#include <cstdint>

namespace vitrine::engine {

/// One sequence of `selective_scan`, every channel a lane.
///
/// @param v, delta, out [token, channel]; b, c [token, state]; @param a [state, channel]
/// @param h [state, channel], zeros; holds the last state afterwards
void scan_sequence(const float* v, const float* delta, const float* a, const float* b, const float* c, std::int64_t tokens,
                   std::int64_t channels, std::int64_t states, float* h, float* out);

}  // namespace vitrine::engine
