#include "app/cli/report_text.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace vitrine::app {

using engine::Array;
using engine::Report;
using engine::Table;

namespace {

constexpr std::size_t kMaxRows = 40;
constexpr std::int64_t kMaxColumns = 16;

std::string cell_text(const engine::Cell& cell, int digits) {
  if (const auto* text = std::get_if<std::string>(&cell)) return *text;
  return fmt::format("{:.{}g}", std::get<double>(cell), std::max(1, digits));
}

std::string table_text(const Table& table) {
  std::vector<std::vector<std::string>> lines(1);
  for (const auto& column : table.columns) lines[0].push_back(column.unit.empty() ? column.name : column.name + " (" + column.unit + ")");
  for (std::size_t r = 0; r < std::min(table.rows.size(), kMaxRows); ++r) {
    auto& line = lines.emplace_back();
    for (std::size_t c = 0; c < table.rows[r].size(); ++c)
      line.push_back(cell_text(table.rows[r][c], c < table.columns.size() ? table.columns[c].digits : 4));
  }
  std::vector<std::size_t> widths(table.columns.size(), 0);
  for (const auto& line : lines)
    for (std::size_t c = 0; c < std::min(line.size(), widths.size()); ++c) widths[c] = std::max(widths[c], line[c].size());
  std::string text = table.name.empty() ? "" : "\n" + table.name + "\n";
  for (const auto& line : lines) {
    text += " ";
    for (std::size_t c = 0; c < line.size(); ++c) text += fmt::format(" {:<{}}", line[c], c < widths.size() ? widths[c] : 0);
    while (text.back() == ' ') text.pop_back();
    text += "\n";
  }
  if (table.rows.size() > kMaxRows) text += fmt::format("  ... {} more rows; --out F.csv writes them all\n", table.rows.size() - kMaxRows);
  return text;
}

std::string array_text(const Array& array) {
  std::string shape;
  for (std::size_t a = 0; a < array.shape.size(); ++a)
    shape += fmt::format("{}{} {}", a ? " x " : "", array.shape[a], a < array.axes.size() ? array.axes[a].name : "");
  std::string text = fmt::format("\n{} [{}]{}\n", array.name, shape, array.unit.empty() ? "" : " in " + array.unit);
  const bool grid = array.shape.size() == 2 && array.shape[0] <= static_cast<std::int64_t>(kMaxRows) && array.shape[1] <= kMaxColumns;
  if (!grid || static_cast<std::int64_t>(array.values.size()) != array.numel()) return text;
  for (std::int64_t r = 0; r < array.shape[0]; ++r) {
    text += " ";
    for (std::int64_t c = 0; c < array.shape[1]; ++c) {
      const float v = array.values[static_cast<std::size_t>(r * array.shape[1] + c)];
      text += std::isnan(v) ? fmt::format(" {:>10}", "-") : fmt::format(" {:>10.4g}", v);
    }
    text += "\n";
  }
  return text;
}

}  // namespace

std::string report_text(const Report& report) {
  std::string text = report.title + "\n";
  if (!report.subtitle.empty()) text += report.subtitle + "\n";
  for (const auto& metric : report.metrics) {
    text += fmt::format("  {} {:.6g}{}", metric.name, metric.value, metric.unit.empty() ? "" : " " + metric.unit);
    if (metric.before) text += fmt::format(" (before {:.6g})", *metric.before);
    text += "\n";
  }
  for (const auto& array : report.arrays) text += array_text(array);
  for (const auto& table : report.tables) text += table_text(table);
  if (!report.text.empty()) text += "\n" + report.text + "\n";
  for (const auto& [name, note] : report.notes) text += fmt::format("  {}: {}\n", name, note);
  if (!report.verified.how.empty()) {
    text += "checked: " + report.verified.how;
    if (report.verified.max_abs_diff >= 0) text += fmt::format(", largest difference {:.3g}", report.verified.max_abs_diff);
    text += "\n";
  }
  return text;
}

}  // namespace vitrine::app
