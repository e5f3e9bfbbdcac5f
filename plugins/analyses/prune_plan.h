#pragma once

#include <string>

#include "plugins/analyses/common.h"

namespace vitrine::plugins {

/// Which heads and neurons leave when a percentage of each has to.
struct PruneChoice {
  EditList edits;          ///< zero edits: heads by layer, then neurons by layer
  Report report;           ///< tables: heads, neurons per layer; text: the edits as JSON
};

/// @param percent_heads, percent_neurons of all of a tower, smallest importance first, over all layers (one shot)
///   Neurons are ranked by mean |activation| over the input or evaluation set times the norm of their output column.
[[nodiscard]] Result<PruneChoice> choose_by_percent(const AnalysisRequest& request, double percent_heads, double percent_neurons,
                                                    const std::string& method, const std::string& on);

}  // namespace vitrine::plugins
