#pragma once

#include <string>
#include <vector>

#include "plugins/analyses/common.h"

namespace vitrine::plugins {

/// Per head of a tower: mean row entropy (nats), mean distance between query and key (tokens, or patches on a grid), mean mass
/// on the first token, mean largest weight ("confidence"). All [layer, head], NaN where a layer has fewer heads.
struct HeadStats {
  int layers = 0, heads = 0;
  std::vector<float> entropy, distance, first_token, confidence;
};
[[nodiscard]] Result<HeadStats> head_stats(const AnalysisRequest& request, const TowerInfo& tower, const Run& run);

}  // namespace vitrine::plugins
