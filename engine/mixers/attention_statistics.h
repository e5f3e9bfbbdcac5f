#pragma once

#include "engine/mixers/head_scores.h"
#include "engine/mixers/map_statistics.h"

namespace vitrine::engine {

/// Statistics of a head in one pass over its scores; each score is computed once, the causal half is skipped.
///
/// @error Usage if a grid or set does not fit the map; Cancelled
/// @cost  2 d flops and one exponential a visible cell; memory O(rows + cols) beside a copy of the keys. Same result for
///        any number of threads.
[[nodiscard]] Result<HeadStatistics> attention_statistics(const HeadScores& head, const StatisticsRequest& request,
                                                          const Progress& progress = {});

/// Pooled picture of a part of a head's pattern, exactly: every cell of the part is computed.
///
/// @error Usage if the part is not inside the map; Cancelled
/// @cost  as above; memory of the picture and a few rows
[[nodiscard]] Result<Overview> attention_overview(const HeadScores& head, const OverviewRequest& request, const Progress& progress = {});

}  // namespace vitrine::engine
