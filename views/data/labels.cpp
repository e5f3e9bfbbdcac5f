#include "views/data/labels.h"

#include <cmath>

#include "views/data/ticks.h"

namespace vitrine::views {
namespace {

constexpr std::string_view kEllipsis = "\u2026";

bool continuation(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

/// Starts of characters, then the length.
std::vector<std::size_t> boundaries(std::string_view text) {
  std::vector<std::size_t> out;
  for (std::size_t i = 0; i < text.size(); ++i)
    if (!continuation(text[i])) out.push_back(i);
  out.push_back(text.size());
  return out;
}

/// Most characters of `text`, followed by `tail`, that fit.
std::size_t fitting(std::string_view text, std::string_view tail, double width, const Font& font,
                    const MeasureText& measure) {
  const auto starts = boundaries(text);
  std::size_t lo = 0, hi = starts.size() - 1;
  while (lo < hi) {
    const auto middle = (lo + hi + 1) / 2;
    if (measure(std::string(text.substr(0, starts[middle])).append(tail), font) <= width) lo = middle;
    else hi = middle - 1;
  }
  return starts[lo];
}

void break_paragraph(std::string_view text, double width, const Font& font, const MeasureText& measure,
                     std::vector<std::string>& lines) {
  if (text.empty()) lines.emplace_back();
  while (!text.empty()) {
    auto count = fitting(text, "", width, font, measure);
    if (count == 0) count = boundaries(text)[1];
    if (count < text.size() && text[count] != ' ') {
      const auto space = text.rfind(' ', count);
      if (space != std::string_view::npos && space > 0) count = space;
    }
    lines.emplace_back(text.substr(0, count));
    text.remove_prefix(count);
    while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  }
}

}  // namespace

std::string visible_text(std::string_view utf8) {
  std::string out;
  for (const char c : utf8) {
    if (c == '\n') out += "\u21b5";
    else if (c == '\t') out += "\u21e5";
    else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) out += "\u00b7";
    else out += c;
  }
  const auto first = out.find_first_not_of(' ');
  if (first == std::string::npos) return "\u2423";
  return out.substr(first, out.find_last_not_of(' ') - first + 1);
}

std::string elide(std::string_view utf8, double width, const Font& font, const MeasureText& measure) {
  if (measure(utf8, font) <= width) return std::string(utf8);
  const auto count = fitting(utf8, kEllipsis, width, font, measure);
  auto kept = std::string(utf8.substr(0, count));
  while (!kept.empty() && kept.back() == ' ') kept.pop_back();
  return kept.append(kEllipsis);
}

std::vector<std::string> wrap(std::string_view utf8, double width, const Font& font, const MeasureText& measure,
                              int max_lines) {
  std::vector<std::string> lines;
  const auto limit = static_cast<std::size_t>(std::max(1, max_lines));
  while (lines.size() <= limit) {
    const auto end = utf8.find('\n');
    break_paragraph(utf8.substr(0, end), width, font, measure, lines);
    if (end == std::string_view::npos) break;
    utf8.remove_prefix(end + 1);
  }
  if (lines.size() > limit) {
    lines[limit - 1] = elide(lines[limit - 1] + " " + lines[limit] + " ", width, font, measure);
    if (!lines[limit - 1].ends_with(kEllipsis)) lines[limit - 1] += kEllipsis;
    lines.resize(limit);
  }
  return lines;
}

int label_step(int count, double pitch, double size) {
  if (count <= 0 || pitch <= 0) return 1;
  const auto room = static_cast<int>(std::floor(pitch * count / std::max(1.0, size)));
  return index_step(count, std::max(1, room));
}

std::vector<bool> keep_apart(const std::vector<Box>& boxes) {
  std::vector<bool> keep(boxes.size(), false);
  for (std::size_t i = 0; i < boxes.size(); ++i) {
    bool free = true;
    for (std::size_t j = 0; j < i && free; ++j)
      free = !keep[j] || boxes[i].x >= boxes[j].right() || boxes[j].x >= boxes[i].right() ||
             boxes[i].y >= boxes[j].bottom() || boxes[j].y >= boxes[i].bottom();
    keep[i] = free;
  }
  return keep;
}

}  // namespace vitrine::views
