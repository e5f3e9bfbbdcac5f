#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "engine/batch/job.h"
#include "engine/core/error.h"

namespace vitrine::engine {

/// One unit of work: a step for one model and, where it needs one, one input. Done whole or not at all.
struct PlanItem {
  std::int64_t ordinal = 0;          ///< from 0, the order of the plan
  std::int64_t group = 0;            ///< items of one model and input, done in order by one worker
  std::string model;
  std::optional<InputItem> input;
  std::string input_name;            ///< "" or "input 3: The quick brown ..."
  JobStep step;
  /// What identifies it: the JSON of model, input and step. Equal keys mean equal work.
  [[nodiscard]] std::string key() const;
};

struct Plan {
  std::vector<PlanItem> items;
  std::int64_t groups = 0;
};

/// Unfolds a job. A step that needs no input is done once for each model.
/// @param needs_input tells it of an analysis or compression; it may refuse unknown names and wrong parameters
/// @error InvalidInput if a step needs an input and the job has none; FileLimit above a million items
[[nodiscard]] Result<Plan> plan_job(const Job& job, const std::function<Result<bool>(const JobStep&)>& needs_input);

}  // namespace vitrine::engine
