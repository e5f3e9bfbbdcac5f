#pragma once

#include <string>

#include "engine/report/report.h"

namespace vitrine::app {

/// A report as a person reads it in a terminal: metrics, tables, and small arrays as grids of numbers.
[[nodiscard]] std::string report_text(const engine::Report& report);

}  // namespace vitrine::app
