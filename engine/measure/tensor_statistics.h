#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "engine/core/error.h"
#include "engine/core/progress.h"
#include "engine/io/checkpoint.h"
#include "engine/measure/tensor_scan.h"

namespace vitrine::engine {

/// Statistics of tensors of a file, on all cores. Values that lie as float32 or bfloat16 in the file are read where they are;
/// others are converted a piece at a time, and at once where the file does not list them: parts of complex numbers.
/// @param entries as the file gives them, by `tensors()` or `find`
/// @return of each its own error where its values cannot be read; Cancelled
/// @cost   one pass over the bytes, 256 KB of memory a core
[[nodiscard]] std::vector<Result<ValueStatistics>> statistics_of_tensors(const Checkpoint& file, std::span<const TensorEntry* const> entries,
                                                                         const Progress& progress = {});

}  // namespace vitrine::engine
