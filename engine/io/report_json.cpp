#include "engine/io/report_json.h"

#include <charconv>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "engine/io/bytes.h"
#include "engine/io/json.h"
#include "engine/io/whole_number.h"

namespace vitrine::engine {
namespace {

using nlohmann::json;

json number(double value) {
  if (std::isnan(value)) return nullptr;
  if (std::isinf(value)) return {{"__float__", value > 0 ? "Infinity" : "-Infinity"}};
  return value;
}

/// The double nearest to the shortest decimal text of the float: prints short, reads back as the same float.
json number(float value) {
  if (!std::isfinite(value)) return number(static_cast<double>(value));
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, value).ptr;
  double wide = 0;
  std::from_chars(text, end, wide);
  return wide;
}

json axes_json(const Array& array) {
  json axes = json::array();
  for (const Axis& axis : array.axes) {
    json entry = {{"name", repaired_utf8(axis.name)}};
    if (!axis.unit.empty()) entry["unit"] = repaired_utf8(axis.unit);
    for (const auto& label : axis.labels) entry["labels"].push_back(repaired_utf8(label));
    axes.push_back(std::move(entry));
  }
  return axes;
}

json array_json(const Array& array) {
  json values = json::array();
  for (const float v : array.values) values.push_back(number(v));
  return {{"name", repaired_utf8(array.name)}, {"unit", repaired_utf8(array.unit)}, {"axes", axes_json(array)},
          {"shape", array.shape}, {"values", std::move(values)}};
}

json table_json(const Table& table) {
  json columns = json::array(), rows = json::array();
  for (const auto& column : table.columns)
    columns.push_back(
        {{"name", repaired_utf8(column.name)}, {"unit", repaired_utf8(column.unit)}, {"digits", column.digits}});
  for (const auto& row : table.rows) {
    json cells = json::array();
    for (const Cell& cell : row) {
      if (const auto* text = std::get_if<std::string>(&cell)) cells.push_back(repaired_utf8(*text));
      else cells.push_back(number(std::get<double>(cell)));
    }
    rows.push_back(std::move(cells));
  }
  return {{"name", repaired_utf8(table.name)}, {"columns", std::move(columns)}, {"rows", std::move(rows)}};
}

json token_json(const TokenLabel& token) {
  return {{"text", repaired_utf8(token.text)},
          {"id", token.id},
          {"begin", token.begin},
          {"end", token.end},
          {"special", token.special}};
}

double as_number(const json& value) {
  return value.is_null() ? std::numeric_limits<double>::quiet_NaN()
                         : json_number(value).value_or(std::numeric_limits<double>::quiet_NaN());
}

/// Reads what `report_to_json` writes; nlohmann's exceptions on a wrong type end in `report_from_json`.
Array array_from(const json& j) {
  Array array;
  array.name = j.value("name", "");
  array.unit = j.value("unit", "");
  for (const json& axis : j.at("axes"))
    array.axes.push_back({axis.at("name"), axis.value("unit", ""), axis.value("labels", std::vector<std::string>{})});
  for (const json& n : j.at("shape")) array.shape.push_back(whole_number<std::int64_t>(n));
  for (const json& v : j.at("values")) array.values.push_back(static_cast<float>(as_number(v)));
  return array;
}

Table table_from(const json& j) {
  Table table;
  table.name = j.value("name", "");
  for (const json& column : j.at("columns"))
    table.columns.push_back({column.at("name"), column.value("unit", ""),
                             column.contains("digits") ? whole_number<int>(column["digits"]) : 4});
  for (const json& row : j.at("rows")) {
    auto& cells = table.rows.emplace_back();
    for (const json& cell : row) {
      if (cell.is_string()) cells.emplace_back(cell.get<std::string>());
      else cells.emplace_back(as_number(cell));
    }
  }
  return table;
}

PictureKind picture_from(const std::string& name) {
  for (int kind = 0; kind <= static_cast<int>(PictureKind::Text); ++kind)
    if (picture_name(static_cast<PictureKind>(kind)) == name) return static_cast<PictureKind>(kind);
  throw json::other_error::create(500, "unknown picture '" + name + "'", nullptr);
}

Report report_from(const json& j) {
  Report report;
  report.id = j.at("id");
  report.title = j.value("title", "");
  report.subtitle = j.value("subtitle", "");
  report.picture = picture_from(j.at("picture"));
  for (const json& array : j.at("arrays")) report.arrays.push_back(array_from(array));
  for (const json& table : j.at("tables")) report.tables.push_back(table_from(table));
  for (const json& m : j.at("metrics")) {
    Metric metric{m.at("name"), as_number(m.at("value")), m.value("unit", ""), {}};
    if (m.contains("before")) metric.before = as_number(m["before"]);
    report.metrics.push_back(std::move(metric));
  }
  for (const json& t : j.value("tokens", json::array()))
    report.tokens.push_back({t.at("text"), whole_number<std::int64_t>(t.at("id")), whole_number<std::int64_t>(t.at("begin")),
                             whole_number<std::int64_t>(t.at("end")), t.at("special")});
  if (j.contains("grid")) {
    const json& grid = j["grid"];
    report.grid = PatchGrid{whole_number<int>(grid.at("rows")), whole_number<int>(grid.at("cols")), whole_number<int>(grid.at("offset"))};
  }
  report.text = j.value("text", "");
  const json& verified = j.at("verified");
  report.verified = {verified.at("how"), as_number(verified.at("max_abs_diff")), as_number(verified.at("tolerance")),
                     verified.at("ok")};
  report.notes = j.value("notes", std::map<std::string, std::string>{});
  report.timing_ms = j.value("timing_ms", 0.0);
  report.fraction_done = j.value("fraction_done", 1.0);
  return report;
}

}  // namespace

json report_to_json(const Report& report) {
  json out = {{"id", report.id}, {"title", repaired_utf8(report.title)}, {"subtitle", repaired_utf8(report.subtitle)},
              {"picture", picture_name(report.picture)}, {"arrays", json::array()}, {"tables", json::array()},
              {"metrics", json::array()}, {"text", repaired_utf8(report.text)}, {"notes", json::object()},
              {"timing_ms", number(report.timing_ms)}, {"fraction_done", number(report.fraction_done)}};
  for (const Array& array : report.arrays) out["arrays"].push_back(array_json(array));
  for (const Table& table : report.tables) out["tables"].push_back(table_json(table));
  for (const Metric& m : report.metrics) {
    json metric = {{"name", repaired_utf8(m.name)}, {"value", number(m.value)}, {"unit", repaired_utf8(m.unit)}};
    if (m.before) metric["before"] = number(*m.before);
    out["metrics"].push_back(std::move(metric));
  }
  for (const TokenLabel& token : report.tokens) out["tokens"].push_back(token_json(token));
  if (report.grid)
    out["grid"] = {{"rows", report.grid->rows}, {"cols", report.grid->cols}, {"offset", report.grid->offset}};
  const Verified& v = report.verified;
  out["verified"] = {{"how", repaired_utf8(v.how)},
                     {"max_abs_diff", number(v.max_abs_diff)},
                     {"tolerance", number(v.tolerance)},
                     {"ok", v.ok}};
  for (const auto& [key, value] : report.notes) out["notes"][repaired_utf8(key)] = repaired_utf8(value);
  return out;
}

Result<Report> report_from_json(const json& j) {
  try {
    return report_from(j);
  } catch (const json::exception& problem) {
    return fail(ErrorCode::FileFormat, fmt::format("expected a report: {}", problem.what()));
  }
}

std::string report_json(const Report& report) { return report_to_json(report).dump(1) + "\n"; }

}  // namespace vitrine::engine
