#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "engine/core/error.h"
#include "engine/core/progress.h"
#include "engine/io/checkpoint.h"
#include "engine/measure/tensor_scan.h"

namespace vitrine::engine {

/// Statistics of the tensors of a file that these are the numbers of in `tensors()`, on all cores. Values that lie as float32 or
/// bfloat16 in the file are read where they are; others are converted a piece at a time.
/// @return of each its own error where its values cannot be read; Cancelled
/// @cost   one pass over the bytes, 256 KB of memory a core
[[nodiscard]] std::vector<Result<ValueStatistics>> statistics_of_tensors(const Checkpoint& file, std::span<const std::size_t> numbers,
                                                                         const Progress& progress = {});

}  // namespace vitrine::engine
