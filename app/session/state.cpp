#include "app/session/state.h"

#include <algorithm>
#include <utility>

namespace vitrine::app {

namespace {

void add_once(engine::EditList& edits, const engine::EditList& more) {
  for (const auto& edit : more)
    if (std::find(edits.begin(), edits.end(), edit) == edits.end()) edits.push_back(edit);
}

}  // namespace

engine::Status apply(SessionState& state, const Command& command) {
  VITRINE_CHECK(check_command(command));
  const std::string verb = command["do"];
  if (verb == "open_model") {
    state.model = command["model"];
    state.input = {};
    state.has_input = false;
    state.edits.clear();
    state.outputs.clear();
    if (const auto analyses = state.views.find("analyses"); analyses != state.views.end()) analyses->second.erase("run");
  } else if (verb == "set_input") {
    Command input = command;
    input.erase("do");
    VITRINE_TRY(state.input, input_from_json(input));
    state.has_input = !input.empty();
    state.outputs.clear();
  } else if (verb == "edit" || verb == "set_edits" || verb == "remove_edits") {
    VITRINE_TRY(const engine::EditList edits, engine::edits_from_json(command["edits"]));
    if (verb == "set_edits") state.edits.clear();
    if (verb == "remove_edits")
      std::erase_if(state.edits, [&](const engine::Edit& e) { return std::find(edits.begin(), edits.end(), e) != edits.end(); });
    else
      add_once(state.edits, edits);
  } else if (verb == "clear_edits") {
    state.edits.clear();
  } else if (verb == "set_view") {
    auto& settings = state.views[command["panel"].get<std::string>()];
    if (!settings.is_object()) settings = nlohmann::json::object();
    settings.update(command["settings"]);
  } else {
    // The analyses panel shows what was asked for last, also after undo and in a session that is opened.
    if (verb == "analyse")
      state.views["analyses"] = {{"analysis", command["analysis"]}, {"params", command.value("params", nlohmann::json::object())},
                                 {"run", true}};
    Command output = command;
    if (command.value("edited", true) && !state.edits.empty()) output["edits"] = engine::edits_to_json(state.edits);
    state.outputs.push_back(std::move(output));
  }
  return {};
}

engine::Result<SessionState> fold(std::span<const Command> commands) {
  SessionState state;
  for (const auto& command : commands) VITRINE_CHECK(apply(state, command));
  return state;
}

SessionState state_at(const Journal& journal, StepId id) {
  SessionState state;
  for (StepId step : journal.path(id))
    if (auto applied = apply(state, journal.steps().at(step).command); !applied) break;
  return state;
}

}  // namespace vitrine::app
