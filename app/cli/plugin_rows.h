#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "engine/plugin/loader.h"

namespace vitrine::app {

[[nodiscard]] nlohmann::json plugin_json(const engine::PluginStatus& status);
[[nodiscard]] std::string plugin_text(const engine::PluginStatus& status);

}  // namespace vitrine::app
