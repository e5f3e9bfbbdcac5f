#include "views/panels/export.h"

#include <cmath>

#include <QString>

#include <fmt/format.h>

#include "engine/io/json.h"
#include "views/figure/export.h"

namespace vitrine::views {

namespace {

using engine::Array;
using engine::Report;

std::string quoted(const std::string& text) {
  if (text.find_first_of(",\"\n\r") == std::string::npos) return text;
  std::string out = "\"";
  for (char c : text) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + "\"";
}

/// Shortest text that reads back as the same float; empty for "not computed".
std::string number(double value) { return std::isnan(value) ? std::string() : fmt::format("{}", value); }
std::string number(float value) { return std::isnan(value) ? std::string() : fmt::format("{}", value); }

std::string table_csv(const engine::Table& table) {
  std::string out;
  for (std::size_t c = 0; c < table.columns.size(); ++c)
    out += (c ? "," : "") + quoted(table.columns[c].unit.empty() ? table.columns[c].name : table.columns[c].name + " (" + table.columns[c].unit + ")");
  out += "\n";
  for (const auto& row : table.rows) {
    for (std::size_t c = 0; c < row.size(); ++c) {
      const double* value = std::get_if<double>(&row[c]);
      out += (c ? "," : "") + (value ? number(*value) : quoted(std::get<std::string>(row[c])));
    }
    out += "\n";
  }
  return out;
}

/// One line a cell: its place on every axis (and its label where the axis has them), then the value of each array of
/// this shape.
std::string array_csv(const Report& report) {
  const Array& first = report.arrays.front();
  std::vector<const Array*> columns;
  for (const Array& array : report.arrays)
    if (array.shape == first.shape) columns.push_back(&array);
  const auto axis = [&](std::size_t i) { return i < first.axes.size() ? first.axes[i] : engine::Axis{fmt::format("axis{}", i), "", {}}; };
  std::string out;
  for (std::size_t i = 0; i < first.shape.size(); ++i) {
    out += (i ? "," : "") + quoted(axis(i).name);
    if (!axis(i).labels.empty()) out += "," + quoted(axis(i).name + " label");
  }
  for (const Array* array : columns) out += "," + quoted(array->unit.empty() ? array->name : array->name + " (" + array->unit + ")");
  out += "\n";
  std::vector<std::int64_t> place(first.shape.size(), 0);
  for (std::size_t cell = 0; cell < first.values.size(); ++cell) {
    for (std::size_t i = 0; i < place.size(); ++i) {
      out += (i ? "," : "") + std::to_string(place[i]);
      const auto at = static_cast<std::size_t>(place[i]);
      if (i < first.axes.size() && !first.axes[i].labels.empty())
        out += "," + quoted(at < first.axes[i].labels.size() ? first.axes[i].labels[at] : std::string());
    }
    for (const Array* array : columns) out += "," + number(array->values[cell]);
    out += "\n";
    for (std::size_t i = place.size(); i-- > 0;) {
      if (++place[i] < first.shape[i]) break;
      place[i] = 0;
    }
  }
  return out;
}

/// NumPy format 1.0, little-endian float32, C order.
std::string npy(const Array& array) {
  std::string shape;
  for (auto n : array.shape) shape += std::to_string(n) + ", ";
  std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (" + shape + "), }";
  while ((10 + header.size() + 1) % 64 != 0) header += ' ';
  header += '\n';
  std::string out = std::string("\x93NUMPY\x01\x00", 8);
  out += static_cast<char>(header.size() & 0xff);
  out += static_cast<char>(header.size() >> 8);
  out += header;
  out.append(reinterpret_cast<const char*>(array.values.data()), array.values.size() * sizeof(float));
  return out;
}

}  // namespace

engine::Status write_figure(const Report& report, const FigureOptions& figure, const QString& path) {
  ExportOptions options;
  options.figure = figure;
  options.figure.notes = true;
  return export_figure(report, options, path.toStdString());
}

engine::Status write_data(const Report& report, const QString& path) {
  const bool matrix = !report.arrays.empty() && !report.arrays.front().values.empty();
  if (path.endsWith(".npy")) {
    if (!matrix) return engine::fail(engine::ErrorCode::Usage, "this panel shows a table, which has no npy form; take CSV");
    return engine::write_file_atomically(path.toStdString(), npy(report.arrays.front()));
  }
  if (!path.endsWith(".csv"))
    return engine::fail(engine::ErrorCode::Usage, "expected a file that ends in .csv or .npy, came " + path.toStdString());
  const bool as_table = !report.tables.empty() && (report.picture == engine::PictureKind::Table || !matrix);
  if (!as_table && !matrix) return engine::fail(engine::ErrorCode::Usage, "this panel shows no numbers to export");
  return engine::write_file_atomically(path.toStdString(), as_table ? table_csv(report.tables.front()) : array_csv(report));
}

}  // namespace vitrine::views
