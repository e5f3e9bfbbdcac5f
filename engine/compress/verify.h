#pragma once

#include <map>
#include <string>

#include "engine/compress/smaller.h"
#include "engine/core/progress.h"
#include "engine/report/report.h"
#include "engine/run/evaluate.h"

namespace vitrine::engine {

/// Ratio of two times measured in turns: median of the pairs' ratios with its 95 % interval (order statistics).
struct PairedTiming {
  double first_ms = 0, second_ms = 0;      ///< medians
  double ratio = 1, low = 1, high = 1;     ///< first / second: above 1 the second is quicker
  int pairs = 0;
};
[[nodiscard]] Result<PairedTiming> time_in_turns(const Model& first, const Model& second, const std::map<std::string, Tensor>& inputs, int pairs,
                                                 const Progress& progress = {});

/// Compares a smaller model with the original under the mask that it came from.
///
/// @param inputs what both are run on; empty: the first items of the evaluation set, else token ids 1, 2, ... 
/// @return metrics parameters, bytes, latency_ms, max_abs_diff (smaller against masked), accuracy or perplexity with `before` of the
///   unedited original; `verified` holds the difference and its tolerance 1e-4 (relative to outputs above 1)
[[nodiscard]] Result<Report> verify_smaller(const Model& original, const EditList& mask, const Model& smaller, std::map<std::string, Tensor> inputs,
                                            const Progress& progress = {});

}  // namespace vitrine::engine
