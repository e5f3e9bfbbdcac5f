#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "app/session/state.h"
#include "engine/core/error.h"

namespace vitrine::app {

/// An analysis whose report is on the screen: it becomes a step of the job.
struct ShownAnalysis {
  std::string analysis;
  nlohmann::json params = nlohmann::json::object();
  bool edited = true;

  friend bool operator==(const ShownAnalysis&, const ShownAnalysis&) = default;
};

/// A job for `vitrine batch` that repeats what the session shows: its model, its input, the edits in force, and as
/// steps every `analyse` and `compress` act and every analysis on the screen, each once.
/// @error Usage if no model is open or there is nothing to repeat
[[nodiscard]] engine::Result<nlohmann::json> job_from_session(const SessionState& state, const std::string& name,
                                                              const std::vector<ShownAnalysis>& shown);

}  // namespace vitrine::app
