#pragma once

#include <filesystem>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "engine/core/error.h"
#include "engine/report/report.h"

namespace vitrine::engine {

/// A report as JSON. Numbers are the shortest text that reads back as the same number; NaN ("not computed") is null,
/// infinities are `{"__float__": "Infinity"}`; text that is not UTF-8 carries replacement characters. The image is
/// left out: it is an input, not a result.
[[nodiscard]] nlohmann::json report_to_json(const Report& report);

/// The inverse.
/// @error FileFormat naming the field
[[nodiscard]] Result<Report> report_from_json(const nlohmann::json& json);

/// Indented text of `report_to_json`.
[[nodiscard]] std::string report_json(const Report& report);

}  // namespace vitrine::engine
