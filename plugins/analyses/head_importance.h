#pragma once

#include <string>
#include <vector>

#include "plugins/analyses/common.h"

namespace vitrine::plugins {

/// What is measured when a head is removed, per head of a tower, NaN where a layer has fewer heads.
struct HeadImportance {
  int layers = 0, heads = 0;
  std::vector<float> importance;                 ///< [layer, head]
  std::vector<std::pair<std::string, std::vector<float>>> more;   ///< further measures of the same shape, by name
  std::string unit, how;                         ///< of the importance, and what was averaged over what
  std::string postponed;                         ///< why another method was used than the one asked for; empty: it was not
  double postponed_seconds = 0;                  ///< forecast of the method asked for
  std::string shown;                             ///< the method used instead; empty: the one asked for
};

/// @param method zero: z = 0; mean: z = its mean over items and tokens; gradient: mean over items of |d loss / d gate|
///   (Michel et al. 2019, arXiv:1905.10650); confidence: mean over queries of the largest weight (arXiv:1905.09418)
/// @param on probability: of the unedited prediction; loss: of the input; eval: mean cross entropy on the evaluation set
[[nodiscard]] Result<HeadImportance> head_importance(const AnalysisRequest& request, const TowerInfo& tower, const std::string& method,
                                                     const std::string& on, const std::function<void(const HeadImportance&, double)>& partial);

[[nodiscard]] std::vector<ParamInfo> importance_params();
/// Layer and head by falling importance, NaN left out.
[[nodiscard]] std::vector<std::pair<int, int>> ranking(const HeadImportance& importance);

}  // namespace vitrine::plugins
