#include <cmath>

#include <fmt/format.h>

#include "views/data/sheet.h"

namespace vitrine::views {
namespace {

using engine::Array;
using engine::PictureKind;
using engine::Report;

constexpr const char* kArrow = "\u2192";

std::string place(const Report& report, const Array& array, std::size_t axis, int i, const char* otherwise) {
  const auto name = axis < array.axes.size() && !array.axes[axis].name.empty() ? array.axes[axis].name : otherwise;
  const auto labels = axis_labels(report, array, axis);
  if (i < 0 || i >= static_cast<int>(labels.size())) return fmt::format("{} {}", name, i);
  const auto& label = labels[static_cast<std::size_t>(i)];
  return label == std::to_string(i) ? fmt::format("{} {}", name, i) : fmt::format("{} '{}'", name, label);
}

bool within(const Array& array, std::initializer_list<int> index) {
  if (!usable(array, index.size())) return false;
  std::size_t axis = 0;
  for (const int i : index)
    if (i < 0 || i >= array.shape[axis++]) return false;
  return true;
}

std::size_t flat(const Array& array, std::initializer_list<int> index) {
  std::size_t at = 0, axis = 0;
  for (const int i : index) at = at * static_cast<std::size_t>(array.shape[axis++]) + static_cast<std::size_t>(i);
  return at;
}

std::string value_text(const Array& array, float value) {
  if (std::isnan(value)) return "not computed";
  return format_value(value, 4) + (array.unit.empty() || array.unit == "probability" ? "" : " " + array.unit);
}

/// 1 is the largest of the row.
std::string rank_text(const Array& array, std::size_t row_start, std::size_t count, float value) {
  if (std::isnan(value) || count < 2) return {};
  std::size_t above = 0, present = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const float v = array.values[row_start + i];
    present += !std::isnan(v);
    above += v > value;
  }
  return fmt::format(", rank {} of {}", above + 1, present);
}

std::string matrix_text(const Report& report, const Array& array, int row, int col) {
  if (!within(array, {row, col})) return {};
  const auto cols = static_cast<std::size_t>(array.shape[1]);
  const float v = array.values[flat(array, {row, col})];
  const bool tokens = array.axes.size() > 1 && array.axes[1].name == "key";
  const auto where = fmt::format("{} {} {}", place(report, array, 0, row, "row"), tokens ? kArrow : "\u00b7",
                                 place(report, array, 1, col, "column"));
  const auto name = array.name.empty() || tokens ? "" : value_title(Array{array.name}) + " ";
  return fmt::format("{}: {}{}{}", where, name, value_text(array, v),
                     rank_text(array, static_cast<std::size_t>(row) * cols, cols, v));
}

std::string head_text(const Report& report, const Array& array, const Hit& hit) {
  const auto& i = hit.index;
  if (i.size() < 4 || !within(array, {i[0], i[1], i[2], i[3]})) return {};
  const float v = array.values[flat(array, {i[0], i[1], i[2], i[3]})];
  return fmt::format("head {}.{}: {} {} {}: {}", i[0], i[1], place(report, array, 2, i[2], "query"), kArrow,
                     place(report, array, 3, i[3], "key"), value_text(array, v));
}

std::string patch_text(const Report& report, const Hit& hit, int focus) {
  if (!report.grid || hit.index.size() < 2) return {};
  const int token = report.grid->offset + hit.index[0] * report.grid->cols + hit.index[1];
  auto text = fmt::format("patch {}, {} (token {})", hit.index[0], hit.index[1], token);
  if (report.arrays.empty() || !within(report.arrays[0], {0, token})) return text;
  const auto& array = report.arrays[0];
  const bool one = within(array, {focus, token});
  double sum = 0;
  for (int q = 0; q < array.shape[0]; ++q)
    if (!one || q == focus) sum += array.values[flat(array, {q, token})];
  const double value = one ? sum : sum / static_cast<double>(array.shape[0]);
  return text + fmt::format(": {}{}", value_text(array, static_cast<float>(value)), one ? "" : ", mean over queries");
}

std::string item_text(const Report& report, int i) {
  if (report.arrays.empty() || !within(report.arrays[0], {i})) return {};
  auto text = place(report, report.arrays[0], 0, i, "item") + ":";
  for (std::size_t a = 0; a < report.arrays.size(); ++a) {
    const auto& array = report.arrays[a];
    if (!within(array, {i})) continue;
    text += fmt::format("{} {} {}", a == 0 ? "" : ",", value_title(Array{array.name}),
                        value_text(array, array.values[static_cast<std::size_t>(i)]));
  }
  return text;
}

std::string curve_text(const Report& report, const Hit& hit) {
  const auto which = static_cast<std::size_t>(hit.index[0]);
  if (hit.index[0] < 0 || which >= report.arrays.size()) return {};
  const auto& array = report.arrays[which];
  if (hit.index.size() < 2 || !within(array, {hit.index[1]})) return value_title(array);
  return fmt::format("{}, {}: {}", value_title(Array{array.name}), place(report, array, 0, hit.index[1], "x"),
                     value_text(array, array.values[static_cast<std::size_t>(hit.index[1])]));
}

std::string token_text(const Report& report, int i) {
  if (i < 0 || i >= static_cast<int>(report.tokens.size())) return {};
  const auto& token = report.tokens[static_cast<std::size_t>(i)];
  auto text = fmt::format("token {} '{}'", i, visible_text(token.text));
  if (token.id >= 0) text += fmt::format(", id {}", token.id);
  if (!report.arrays.empty() && within(report.arrays[0], {i}))
    text += fmt::format(": {}", value_text(report.arrays[0], report.arrays[0].values[static_cast<std::size_t>(i)]));
  return text;
}

std::string row_text(const Report& report, int i) {
  if (report.tables.empty() || i < 0 || i >= static_cast<int>(report.tables[0].rows.size())) return {};
  const auto& table = report.tables[0];
  std::string text;
  for (std::size_t c = 0; c < std::min(table.columns.size(), table.rows[static_cast<std::size_t>(i)].size()); ++c) {
    const auto& cell = table.rows[static_cast<std::size_t>(i)][c];
    const auto* words = std::get_if<std::string>(&cell);
    text += fmt::format("{}{}: {}", text.empty() ? "" : "\n", table.columns[c].name,
                        words ? *words : format_with_unit(std::get<double>(cell), table.columns[c].unit, 6));
  }
  return text;
}

}  // namespace

std::string describe(const Report& report, const Hit& hit, int focus_row) {
  const auto& i = hit.index;
  if (i.empty()) return {};
  const auto array = static_cast<std::size_t>(std::max(0, hit.array));
  const bool has_array = array < report.arrays.size();
  if (hit.kind == "cell" && i.size() == 2 && has_array) return matrix_text(report, report.arrays[array], i[0], i[1]);
  if (hit.kind == "head" && has_array) return head_text(report, report.arrays[array], hit);
  if (hit.kind == "patch") return patch_text(report, hit, focus_row);
  if (hit.kind == "bar" || (hit.kind == "point" && i.size() == 1)) return item_text(report, i[0]);
  if (hit.kind == "line") return curve_text(report, hit);
  if (hit.kind == "token") return token_text(report, i[0]);
  if (hit.kind == "row") return row_text(report, i[0]);
  if (has_array && usable(report.arrays[0], 3)) {
    if (hit.kind == "path") return place(report, report.arrays[0], 1, i[0], "token");
    if (hit.kind == "point" && i.size() == 2)
      return fmt::format("{}, {}", place(report, report.arrays[0], 1, i[1], "token"),
                         place(report, report.arrays[0], 0, i[0], "layer"));
  }
  if ((hit.kind == "query" || hit.kind == "key") && has_array && report.arrays[0].shape.size() == 2)
    return place(report, report.arrays[0], hit.kind == "query" ? 0 : 1, i[0], hit.kind.c_str());
  return {};
}

}  // namespace vitrine::views
