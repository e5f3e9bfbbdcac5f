#pragma once

#include <nlohmann/json.hpp>

#include "engine/core/error.h"

namespace vitrine::app {

/// Rows of `resources/systems.psv`: id, name, state (works, partial, planned), command.
/// @error FileMissing, FileFormat with the line
[[nodiscard]] engine::Result<nlohmann::json> system_rows();

/// Token mixers by their part id.
[[nodiscard]] engine::Result<nlohmann::json> mixer_rows();

}  // namespace vitrine::app
