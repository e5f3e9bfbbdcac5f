#include "engine/io/report_csv.h"

#include <cmath>

#include <fmt/format.h>

#include "engine/io/bytes.h"
#include "engine/io/json.h"

namespace vitrine::engine {
namespace {

std::string field(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + '"';
}

template <class Number>
std::string number(Number value) {
  if (std::isnan(value)) return "";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  return fmt::format("{}", value);
}

bool same_axes(const Array& a, const Array& b) {
  if (a.shape != b.shape || a.axes.size() != b.axes.size()) return false;
  for (std::size_t i = 0; i < a.axes.size(); ++i)
    if (a.axes[i].name != b.axes[i].name) return false;
  return true;
}

bool has_labels(const Array& array, std::size_t axis) {
  return axis < array.axes.size() && static_cast<std::int64_t>(array.axes[axis].labels.size()) == array.shape[axis];
}

std::string axis_name(const Array& array, std::size_t axis) {
  if (axis < array.axes.size() && !array.axes[axis].name.empty()) return array.axes[axis].name;
  return fmt::format("axis{}", axis);
}

std::string columns_csv(const std::vector<const Array*>& arrays) {
  const Array& first = *arrays.front();
  std::string out;
  for (std::size_t axis = 0; axis < first.shape.size(); ++axis) {
    out += field(axis_name(first, axis)) + ',';
    if (has_labels(first, axis)) out += field(axis_name(first, axis) + "_label") + ',';
  }
  for (const Array* array : arrays)
    out += field(array->name.empty() ? "value" : array->name) + (array == arrays.back() ? "\n" : ",");
  std::vector<std::int64_t> index(first.shape.size(), 0);
  for (std::size_t i = 0; i < first.values.size(); ++i) {
    for (std::size_t axis = 0; axis < index.size(); ++axis) {
      out += fmt::format("{},", index[axis]);
      if (has_labels(first, axis)) out += field(first.axes[axis].labels[static_cast<std::size_t>(index[axis])]) + ',';
    }
    for (const Array* array : arrays)
      out += (i < array->values.size() ? number(array->values[i]) : "") + (array == arrays.back() ? "\n" : ",");
    for (std::size_t axis = index.size(); axis-- > 0 && ++index[axis] == first.shape[axis];) index[axis] = 0;
  }
  return out;
}

}  // namespace

std::string array_csv(const Array& array) { return columns_csv({&array}); }

std::string table_csv(const Table& table) {
  std::string out;
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    const auto& column = table.columns[i];
    out += (i == 0 ? "" : ",") +
           field(column.unit.empty() ? column.name : fmt::format("{} ({})", column.name, column.unit));
  }
  out += '\n';
  for (const auto& row : table.rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      const auto* text = std::get_if<std::string>(&row[i]);
      out += (i == 0 ? "" : ",") + (text != nullptr ? field(*text) : number(std::get<double>(row[i])));
    }
    out += '\n';
  }
  return out;
}

std::string metrics_csv(const std::vector<Metric>& metrics) {
  std::string out = "name,value,unit,before\n";
  for (const Metric& m : metrics)
    out += fmt::format("{},{},{},{}\n", field(m.name), number(m.value), field(m.unit),
                       m.before ? number(*m.before) : "");
  return out;
}

std::string report_csv(const Report& report) {
  if (report.picture == PictureKind::Table && !report.tables.empty()) return table_csv(report.tables.front());
  if (!report.arrays.empty()) {
    std::vector<const Array*> together;
    for (const Array& array : report.arrays)
      if (same_axes(report.arrays.front(), array)) together.push_back(&array);
    return columns_csv(together);
  }
  return report.tables.empty() ? metrics_csv(report.metrics) : table_csv(report.tables.front());
}

Status write_report_csv(const std::filesystem::path& path, const Report& report) {
  return write_file_atomically(path, report_csv(report));
}

}  // namespace vitrine::engine
