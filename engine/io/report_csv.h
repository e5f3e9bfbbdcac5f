#pragma once

#include <filesystem>
#include <string>

#include "engine/core/error.h"
#include "engine/report/report.h"

namespace vitrine::engine {

/// Comma-separated text (RFC 4180), UTF-8, first line the column names, numbers that read back as the same number,
/// NaN and empty labels as empty fields.

/// One line a position: the axes (index, and label where the axis has any), then one column for the array.
[[nodiscard]] std::string array_csv(const Array& array);
[[nodiscard]] std::string table_csv(const Table& table);
/// name, value, unit, before.
[[nodiscard]] std::string metrics_csv(const std::vector<Metric>& metrics);

/// What the picture shows: the first table of a table, else all arrays that share the shape and axes of the first, one
/// column each, else the first table, else the metrics.
[[nodiscard]] std::string report_csv(const Report& report);
[[nodiscard]] Status write_report_csv(const std::filesystem::path& path, const Report& report);

}  // namespace vitrine::engine
