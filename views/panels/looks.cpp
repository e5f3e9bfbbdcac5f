#include "views/panels/looks.h"

#include <algorithm>
#include <numeric>

#include <QWidget>

#include "views/data/color_map.h"
#include "views/panels/style.h"
#include "views/panels/token_chips.h"

namespace vitrine::views {

namespace {

bool is_matrix(const engine::Report& report) {
  return !report.arrays.empty() && report.arrays[0].shape.size() == 2;
}

QString label(const engine::Report& report, std::size_t axis, int i) {
  const auto& axes = report.arrays[0].axes;
  const auto at = static_cast<std::size_t>(i);
  if (axis < axes.size() && at < axes[axis].labels.size()) return chip_text({.text = axes[axis].labels[at]});
  if (at < report.tokens.size()) return chip_text(report.tokens[at]);
  return QString::number(i);
}

}  // namespace

CanvasTheme canvas_theme(const QWidget& widget) {
  const Shades s = shades(widget);
  CanvasTheme theme = s.dark ? CanvasTheme::dark_default() : CanvasTheme::light_default();
  theme.dark = s.dark;
  theme.background = s.base;
  theme.surface = s.raised;
  theme.line = s.line;
  theme.text = s.text;
  theme.muted = s.muted;
  theme.accent = s.accent;
  theme.family = widget.font().family();
  return theme;
}

ColorTable color_table(const std::string& name) {
  const ColorMap& map = color_map(name);
  ColorTable table{};
  for (std::size_t i = 0; i < table.size(); ++i) table[i] = {map.table[i].r, map.table[i].g, map.table[i].b};
  return table;
}

QStringList sequential_maps() {
  QStringList names;
  for (const ColorMap& map : color_maps())
    if (map.kind == ColorMap::Kind::Sequential) names << QString::fromStdString(map.name);
  return names;
}

namespace {
std::string& chosen_map() {
  static std::string name = "viridis";
  return name;
}
}  // namespace

const std::string& default_color_map() { return chosen_map(); }

void set_default_color_map(const std::string& name) {
  if (sequential_maps().contains(QString::fromStdString(name))) chosen_map() = name;
}

bool is_signed(const engine::Report& report) {
  if (report.arrays.empty()) return false;
  const auto& values = report.arrays[0].values;
  return std::any_of(values.begin(), values.end(), [](float v) { return v < 0; });
}

ColorTable diverging_table(const QWidget& widget) { return color_table(shades(widget).dark ? "dusk" : "balance"); }

FigureOptions panel_figure() {
  FigureOptions options;
  options.title = false;
  options.metrics = false;
  options.verified = false;
  return options;
}

QString pair_text(const engine::Report& report, int query, int key) {
  if (!is_matrix(report)) return {};
  const auto rows = report.arrays[0].shape[0], cols = report.arrays[0].shape[1];
  if (query < 0 || key < 0 || query >= rows || key >= cols) return {};
  return QString::fromStdString(describe(report, parse_tag("cell " + std::to_string(query) + " " + std::to_string(key))));
}

QString row_text(const engine::Report& report, int query) {
  if (!is_matrix(report) || query < 0 || query >= report.arrays[0].shape[0]) return {};
  const auto cols = static_cast<std::size_t>(report.arrays[0].shape[1]);
  const float* row = report.arrays[0].values.data() + static_cast<std::size_t>(query) * cols;
  std::vector<int> order(cols);
  std::iota(order.begin(), order.end(), 0);
  const auto top = std::min<std::size_t>(3, cols);
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(top), order.end(),
                    [&](int a, int b) { return row[a] > row[b]; });
  QStringList parts;
  for (std::size_t i = 0; i < top; ++i)
    parts << QObject::tr("%1 (%2)").arg(label(report, 1, order[i]), number_text(static_cast<double>(row[order[i]]), 3));
  return QObject::tr("%1 looks most at %2").arg(label(report, 0, query), parts.join(", "));
}

}  // namespace vitrine::views
