#pragma once

#include <map>
#include <string>

#include <nlohmann/json.hpp>

namespace vitrine::app {

/// Settings of panels that are no acts: which head is looked at, which code. They belong to one model.
struct KeptViews {
  std::string model;                             ///< path; of another model nothing is kept
  std::map<std::string, nlohmann::json> panels;  ///< panel id -> object

  /// Merges key by key; what was kept for another model goes.
  void keep(const std::string& for_model, const std::string& panel, const nlohmann::json& settings);
  /// `settings` with what is kept for the panel over it.
  [[nodiscard]] nlohmann::json over(const std::string& for_model, const std::string& panel, nlohmann::json settings) const;

  [[nodiscard]] nlohmann::json to_json() const;
  /// From a file: what is not of the form counts as nothing.
  [[nodiscard]] static KeptViews from_json(const nlohmann::json& json);
};

}  // namespace vitrine::app
