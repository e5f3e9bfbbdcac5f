#include "app/jobs/kept_views.h"

#include <utility>

namespace vitrine::app {

void KeptViews::keep(const std::string& for_model, const std::string& panel, const nlohmann::json& settings) {
  if (!settings.is_object()) return;
  if (model != for_model) *this = {for_model, {}};
  nlohmann::json& mine = panels[panel];
  if (!mine.is_object()) mine = nlohmann::json::object();
  mine.update(settings);
}

nlohmann::json KeptViews::over(const std::string& for_model, const std::string& panel, nlohmann::json settings) const {
  const auto mine = panels.find(panel);
  if (for_model != model || mine == panels.end()) return settings;
  if (!settings.is_object()) return mine->second;
  settings.update(mine->second);
  return settings;
}

nlohmann::json KeptViews::to_json() const { return {{"model", model}, {"panels", panels}}; }

KeptViews KeptViews::from_json(const nlohmann::json& json) {
  KeptViews kept;
  if (!json.is_object() || !json.contains("model") || !json["model"].is_string()) return kept;
  kept.model = json["model"];
  const auto panels = json.find("panels");
  if (panels == json.end() || !panels->is_object()) return kept;
  for (const auto& [panel, settings] : panels->items())
    if (settings.is_object()) kept.panels[panel] = settings;
  return kept;
}

}  // namespace vitrine::app
