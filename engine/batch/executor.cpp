#include "engine/batch/executor.h"

namespace vitrine::engine {

namespace {

constexpr std::int64_t kMaxRowsPerArray = 100'000;

/// Which column of a row each axis fills: 0 layer, 1 head, 2 position; empty if the array has no such form.
std::vector<int> columns_of(const Array& array) {
  std::vector<int> columns;
  bool used[3] = {false, false, false};
  if (array.numel() > kMaxRowsPerArray || array.axes.size() != array.shape.size()) return {};
  for (const Axis& axis : array.axes) {
    const int column = axis.name == "layer" ? 0 : axis.name == "head" ? 1 : 2;
    if (used[column]) return {};
    used[column] = true;
    columns.push_back(column);
  }
  return columns;
}

void add_array(const std::string& name, const Array& array, std::vector<MetricRow>& rows) {
  const std::vector<int> columns = columns_of(array);
  if (columns.empty() || static_cast<std::int64_t>(array.values.size()) != array.numel()) return;
  for (std::int64_t flat = 0; flat < array.numel(); ++flat) {
    MetricRow row;
    row.name = name;
    row.value = array.values[static_cast<std::size_t>(flat)];
    std::int64_t rest = flat;
    for (std::size_t axis = columns.size(); axis-- > 0;) {
      auto& place = columns[axis] == 0 ? row.layer : columns[axis] == 1 ? row.head : row.position;
      place = rest % array.shape[axis];
      rest /= array.shape[axis];
    }
    rows.push_back(std::move(row));
  }
}

}  // namespace

std::vector<MetricRow> metric_rows(const std::string& step, const Report& report) {
  std::vector<MetricRow> rows;
  for (const Metric& metric : report.metrics) {
    rows.push_back({step + "." + metric.name, {}, {}, {}, metric.value});
    if (metric.before) rows.push_back({step + "." + metric.name + ".before", {}, {}, {}, *metric.before});
  }
  for (const Array& array : report.arrays) add_array(step + "." + array.name, array, rows);
  return rows;
}

}  // namespace vitrine::engine
