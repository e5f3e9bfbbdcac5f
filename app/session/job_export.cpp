#include "app/session/job_export.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

namespace vitrine::app {

using engine::ErrorCode;
using engine::fail;
using nlohmann::json;

namespace {

/// Two steps of one analysis get names of their own: "attention", "attention_2".
void name_apart(json& steps) {
  std::map<std::string, int> seen;
  for (auto& step : steps) {
    const std::string id = step.contains("analyse") ? step["analyse"] : step["compress"];
    if (const int count = ++seen[id]; count > 1) step["id"] = id + "_" + std::to_string(count);
  }
}

/// A journal command as a step: `{"do": "analyse", "analysis": id}` is written `{"analyse": id}`.
json step_of(const Command& output) {
  const bool analyse = output["do"] == "analyse";
  json step = {{analyse ? "analyse" : "compress", output[analyse ? "analysis" : "method"]},
               {"params", output.value("params", json::object())}};
  if (output.contains("edits")) step["edits"] = output["edits"];
  if (output.contains("out")) step["out"] = output["out"];
  return step;
}

}  // namespace

engine::Result<nlohmann::json> job_from_session(const SessionState& state, const std::string& name,
                                                const std::vector<ShownAnalysis>& shown) {
  if (state.model.empty()) return fail(ErrorCode::Usage, "no model is open, so there is nothing that a job could repeat");
  json steps = json::array();
  const auto add = [&](json step) {
    if (std::find(steps.begin(), steps.end(), step) == steps.end()) steps.push_back(std::move(step));
  };
  for (const auto& output : state.outputs) add(step_of(output));
  for (const auto& view : shown) {
    json step = {{"analyse", view.analysis}, {"params", view.params}};
    if (view.edited && !state.edits.empty()) step["edits"] = engine::edits_to_json(state.edits);
    add(std::move(step));
  }
  if (steps.empty()) return fail(ErrorCode::Usage, "nothing was analysed yet, so there is nothing that a job could repeat");
  name_apart(steps);
  json job = {{"vitrine_job", 1}, {"name", name}, {"models", json::array({state.model})}, {"steps", std::move(steps)}};
  if (state.has_input) job["inputs"] = json::array({input_to_json(state.input)});
  return job;
}

}  // namespace vitrine::app
