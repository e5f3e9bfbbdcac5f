#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "app/session/command.h"
#include "app/session/journal.h"
#include "engine/core/error.h"
#include "engine/run/edit.h"
#include "engine/run/input.h"

namespace vitrine::app {

/// What the commands up to a step add up to.
struct SessionState {
  std::string model;                             ///< empty: nothing is open
  engine::InputItem input;
  bool has_input = false;
  engine::EditList edits;                        ///< in the order they were made, each once
  std::map<std::string, nlohmann::json> views;   ///< panel id -> settings
  std::vector<Command> outputs;                  ///< `analyse` and `compress` acts on this model and input, with `edits` in force

  friend bool operator==(const SessionState&, const SessionState&) = default;
};

/// One command more. `open_model` forgets input, edits and outputs, `set_input` outputs; `set_view` merges settings key by key.
/// @error Usage for a command that is none
[[nodiscard]] engine::Status apply(SessionState& state, const Command& command);

/// Fold of the commands from the first to the last.
[[nodiscard]] engine::Result<SessionState> fold(std::span<const Command> commands);
/// The state at a step. The commands of a journal are checked when they enter it, so this cannot fail.
[[nodiscard]] SessionState state_at(const Journal& journal, StepId id);

}  // namespace vitrine::app
