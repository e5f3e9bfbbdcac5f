#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "views/data/axes.h"

namespace vitrine::views {
namespace {

using Anchor = TextItem::Anchor;
constexpr std::size_t kMostRows = 5000;

/// A table as text, ready to be measured.
struct Printed {
  std::vector<std::string> heads;
  std::vector<std::vector<std::string>> rows;
  std::vector<bool> number;  ///< column is aligned to the right
  std::size_t left_out = 0;
};

std::string spaced(std::string name) {
  std::replace(name.begin(), name.end(), '_', ' ');
  return name;
}

Printed print(const engine::Table& table) {
  Printed out;
  for (const auto& column : table.columns) {
    out.heads.push_back(spaced(column.name) +
                        (column.unit.empty() || column.unit == "bytes" ? "" : " (" + column.unit + ")"));
    out.number.push_back(true);
  }
  const auto shown = std::min(table.rows.size(), kMostRows);
  out.left_out = table.rows.size() - shown;
  for (std::size_t r = 0; r < shown; ++r) {
    std::vector<std::string> cells;
    for (std::size_t c = 0; c < table.columns.size(); ++c) {
      if (c >= table.rows[r].size()) {
        cells.emplace_back();
      } else if (const auto* text = std::get_if<std::string>(&table.rows[r][c])) {
        cells.push_back(visible_text(text->empty() ? "\u2013" : *text));
        out.number[c] = false;
      } else {
        const auto& column = table.columns[c];
        const double value = std::get<double>(table.rows[r][c]);
        const auto unit = column.unit == "bytes" ? "bytes" : "";
        cells.push_back(format_with_unit(value, unit, std::clamp(column.digits, 1, 12)));
      }
    }
    out.rows.push_back(std::move(cells));
  }
  return out;
}

Printed print(const std::vector<engine::Metric>& metrics) {
  const bool compared =
      std::any_of(metrics.begin(), metrics.end(), [](const auto& m) { return m.before.has_value(); });
  Printed out;
  out.heads =
      compared ? std::vector<std::string>{"", "now", "before", "change"} : std::vector<std::string>{"", "value"};
  out.number = compared ? std::vector<bool>{false, true, true, true} : std::vector<bool>{false, true};
  for (const auto& m : metrics) {
    std::vector<std::string> row{spaced(m.name), format_with_unit(m.value, m.unit)};
    if (compared) {
      row.push_back(m.before ? format_with_unit(*m.before, m.unit) : "");
      const double change = m.before ? m.value - *m.before : 0;
      const auto sign = change > 0 ? "+" : "";
      row.push_back(!m.before ? "" : change == 0 ? "0" : sign + format_with_unit(change, m.unit, 3));
    }
    out.rows.push_back(std::move(row));
  }
  return out;
}

/// Widths that the columns want; the widest text columns give way when they don't fit.
std::vector<double> column_widths(const Sheet& sheet, const Printed& table, double room, double gap) {
  std::vector<double> wide;
  for (std::size_t c = 0; c < table.heads.size(); ++c) {
    double most = sheet.width(table.heads[c], sheet.style.small_font());
    for (std::size_t r = 0; r < std::min<std::size_t>(table.rows.size(), 500); ++r)
      most = std::max(most, sheet.width(table.rows[r][c], sheet.style.number_font()));
    wide.push_back(most + 1);
  }
  const auto total = [&] {
    double sum = gap * static_cast<double>(wide.size() - 1);
    for (const double w : wide) sum += w;
    return sum;
  };
  for (int turn = 0; turn < 200 && total() > room; ++turn) {
    auto widest_column = std::max_element(wide.begin(), wide.end());
    if (*widest_column < 40) break;
    *widest_column = std::max(39.0, *widest_column - std::max(4.0, (total() - room) * 0.5));
  }
  return wide;
}

double draw(Sheet& sheet, const Printed& table, const Box& area, const char* tag) {
  const Font head = sheet.style.small_font(), font = sheet.style.number_font();
  const double pitch = font.size * 1.75, gap = 2 * sheet.style.space;
  const auto wide = column_widths(sheet, table, area.w, gap);
  double sum = gap * static_cast<double>(wide.size() - 1);
  for (const double w : wide) sum += w;
  const double right = area.x + std::min(area.w, sum);
  double y = area.y;
  const auto row = [&](const std::vector<std::string>& cells, const Font& with, Color color) {
    double x = area.x;
    for (std::size_t c = 0; c < wide.size(); ++c) {
      const auto text = elide(cells[c], wide[c] + 0.5, with, sheet.measure);
      const Point at{table.number[c] ? x + wide[c] : x, y + pitch / 2};
      sheet.text_middle(at, text, with, color, table.number[c] ? Anchor::End : Anchor::Start);
      x += wide[c] + gap;
    }
    y += pitch;
  };
  sheet.line({area.x, y}, {right, y}, sheet.style.muted, sheet.style.hairline);
  row(table.heads, head, sheet.style.muted);
  sheet.line({area.x, y}, {right, y}, sheet.style.border, sheet.style.hairline);
  for (std::size_t r = 0; r < table.rows.size(); ++r) {
    sheet.rect({area.x, y, right - area.x, pitch}, kTransparent, fmt::format("{} {}", tag, r));
    row(table.rows[r], font, sheet.style.text);
    if (r + 1 < table.rows.size()) sheet.line({area.x, y}, {right, y}, sheet.style.faint, sheet.style.hairline);
  }
  sheet.line({area.x, y}, {right, y}, sheet.style.muted, sheet.style.hairline);
  if (table.left_out > 0) {
    sheet.text_middle({area.x, y + pitch / 2}, fmt::format("{} more rows are in the data", table.left_out), head,
                      sheet.style.muted);
    y += pitch;
  }
  return y - area.y;
}

}  // namespace

double layout_table(Sheet& sheet, const engine::Report& report, const Box& area) {
  double y = area.y;
  const auto place = [&](const Printed& table, const std::string& name, const char* tag) {
    if (table.heads.empty()) return;
    if (y > area.y) y += 2 * sheet.style.space;
    if (!name.empty()) {
      const Font font{sheet.style.body, true};
      sheet.text_middle({area.x, y + line_height(font) / 2}, name, font, sheet.style.text);
      y += line_height(font) + 4;
    }
    y += draw(sheet, table, {area.x, y, area.w, 0}, tag);
  };
  if (sheet.options.metrics && !report.metrics.empty()) place(print(report.metrics), "", "metric");
  for (std::size_t i = 0; i < report.tables.size(); ++i) {
    const bool several = report.tables.size() > 1 || !report.metrics.empty();
    const auto tag = i == 0 ? std::string("row") : fmt::format("row{}", i);
    place(print(report.tables[i]), several ? spaced(report.tables[i].name) : "", tag.c_str());
  }
  if (y == area.y) return sheet.message(area, "There are no rows to show.");
  return y - area.y;
}

}  // namespace vitrine::views
