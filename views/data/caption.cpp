#include <fmt/format.h>

#include "views/data/sheet.h"

namespace vitrine::views {
namespace {

/// Little height: every line of the caption stays one line, so that the picture keeps the room.
bool is_cramped(const FigureOptions& options) { return options.height > 0 && options.height < 340; }

std::string metric_text(const engine::Metric& metric) {
  auto name = metric.name;
  for (auto& c : name)
    if (c == '_') c = ' ';
  auto text = fmt::format("{} {}", name, format_with_unit(metric.value, metric.unit));
  if (metric.before) text += fmt::format(" (was {})", format_with_unit(*metric.before, metric.unit));
  return text;
}

std::string verified_text(const engine::Verified& verified) {
  if (verified.how.empty()) return "Not checked";
  auto text = verified.how.starts_with("not checked") ? "N" + verified.how.substr(1) : "Checked: " + verified.how;
  if (verified.max_abs_diff >= 0)
    text += fmt::format("; largest difference {}", format_value(verified.max_abs_diff, 2));
  if (verified.tolerance >= 0) text += fmt::format(" (tolerance {})", format_value(verified.tolerance, 2));
  return text;
}

FooterLine::Sign sign_of(const engine::Verified& verified) {
  if (verified.ok) return FooterLine::Sign::Good;
  return verified.max_abs_diff >= 0 ? FooterLine::Sign::Bad : FooterLine::Sign::Doubt;
}

/// Drawn, not typed: a tick, a cross or a ring, so that no font need have it.
void draw_sign(Sheet& sheet, FooterLine::Sign sign, Point middle, double size) {
  const double r = size * 0.34, w = std::max(0.8, size * 0.13);
  const Point c{middle.x + r, middle.y};
  if (sign == FooterLine::Sign::Good) {
    sheet.path({{c.x - r, c.y}, {c.x - r * 0.25, c.y + r * 0.75}, {c.x + r, c.y - r * 0.85}}, sheet.style.good, w);
  } else if (sign == FooterLine::Sign::Bad) {
    sheet.path({{c.x - r, c.y - r}, {c.x + r, c.y + r}}, sheet.style.error, w);
    sheet.path({{c.x - r, c.y + r}, {c.x + r, c.y - r}}, sheet.style.error, w);
  } else if (sign == FooterLine::Sign::Doubt) {
    sheet.disc(c, r * 0.9, kTransparent, sheet.style.warning, {});
  }
}

}  // namespace

double layout_heading(Sheet& sheet, const engine::Report& report, const Box& area) {
  double y = area.y;
  const bool cramped = is_cramped(sheet.options);
  const auto lines = [&](const std::string& text, const Font& font, Color color, int most) {
    for (const auto& run : wrap(text, area.w, font, sheet.measure, cramped ? 1 : most)) {
      y += line_height(font);
      sheet.text({area.x, y - 0.38 * font.size}, run, font, color);
    }
  };
  if (sheet.options.title) {
    if (!report.title.empty()) lines(report.title, sheet.style.title_font(), sheet.style.text, 2);
    if (!report.subtitle.empty()) lines(report.subtitle, sheet.style.small_font(), sheet.style.muted, 2);
  }
  if (sheet.options.metrics && report.picture != engine::PictureKind::Table) {
    std::string joined;
    for (const auto& metric : report.metrics) joined += (joined.empty() ? "" : "  \u00b7  ") + metric_text(metric);
    if (!joined.empty()) lines(joined, sheet.style.label_font(), sheet.style.text, 2);
  }
  return y > area.y ? y - area.y + sheet.style.space : 0;
}

std::vector<FooterLine> footer_lines(const Sheet& sheet, const engine::Report& report, double width) {
  std::vector<FooterLine> out;
  const Font font = sheet.style.small_font();
  const auto add = [&](const std::string& text, FooterLine::Sign sign) {
    const double indent = sign == FooterLine::Sign::None ? 0 : 1.3 * font.size;
    bool first = true;
    for (auto& run : wrap(text, width - indent, font, sheet.measure, is_cramped(sheet.options) ? 1 : 3)) {
      out.push_back({std::move(run), first ? sign : FooterLine::Sign::None});
      first = false;
    }
  };
  if (sheet.options.notes)
    for (const auto& [name, note] : report.notes) add(name + ": " + note, FooterLine::Sign::None);
  if (sheet.options.verified) add(verified_text(report.verified), sign_of(report.verified));
  return out;
}

double layout_footer(Sheet& sheet, const std::vector<FooterLine>& lines, Point top_left) {
  const Font font = sheet.style.small_font();
  double y = top_left.y;
  for (const auto& line : lines) {
    const double middle = y + line_height(font) / 2;
    const bool signed_line = line.sign != FooterLine::Sign::None;
    if (signed_line) draw_sign(sheet, line.sign, {top_left.x, middle}, font.size);
    sheet.text_middle({top_left.x + (signed_line ? 1.3 * font.size : 0), middle}, line.text, font, sheet.style.muted);
    y += line_height(font);
  }
  return y - top_left.y;
}

}  // namespace vitrine::views
