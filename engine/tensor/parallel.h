#pragma once

#include <cstdint>
#include <functional>

namespace vitrine::engine {

/// Calls `f(begin, end)` on parts of [0, n) from libtorch's threads; alone if n <= grain or from inside such a call.
void parallel_for(std::int64_t n, std::int64_t grain, const std::function<void(std::int64_t begin, std::int64_t end)>& f);

}  // namespace vitrine::engine
