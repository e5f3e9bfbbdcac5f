#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "engine/core/error.h"

namespace vitrine::engine {

/// A table as its file has it: every row has as many fields as there are columns.
struct CsvTable {
  std::vector<std::string> columns;
  std::vector<std::vector<std::string>> rows;
};

/// Reads comma-separated values as RFC 4180 has them, UTF-8 with or without a byte order mark: fields may be quoted, a quote
/// within is written twice, lines end with LF or CRLF. The first line names the columns.
/// @error FileFormat with line, column and byte; FileLimit (4 million fields, 16,384 columns, 1 MB a field)
[[nodiscard]] Result<CsvTable> read_csv(std::string_view text, const std::string& name);

/// A column as numbers. @error FileFormat naming line and field that is none
[[nodiscard]] Result<std::vector<double>> csv_numbers(const CsvTable& table, std::size_t column, const std::string& name);

}  // namespace vitrine::engine
