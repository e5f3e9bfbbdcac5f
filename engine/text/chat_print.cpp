#include <algorithm>
#include <charconv>
#include <cmath>

#include <fmt/format.h>

#include "engine/text/chat_text.h"
#include "engine/text/unicode.h"

namespace vitrine::engine::text::chat {
namespace {

/// The shortest digits that read back, with an exponent where Python writes one.
std::string float_text(double d) {
  if (std::isnan(d)) return "nan";
  if (std::isinf(d)) return d < 0 ? "-inf" : "inf";
  char buffer[512];
  const auto make = [&](std::chars_format form) {
    return std::string(buffer, std::to_chars(buffer, buffer + sizeof buffer, d, form).ptr);
  };
  const std::string scientific = make(std::chars_format::scientific);
  const std::size_t e = scientific.find('e');
  int exponent = 0;
  const std::size_t digits = e + (scientific[e + 1] == '+' ? 2 : 1);
  std::from_chars(scientific.data() + digits, scientific.data() + scientific.size(), exponent);
  if (exponent < -4 || exponent >= 16) return scientific;
  const std::string fixed = make(std::chars_format::fixed);
  return fixed.find('.') == std::string::npos ? fixed + ".0" : fixed;
}

std::string python_text(std::string_view text) {
  const bool single = text.find('\'') == std::string_view::npos || text.find('"') != std::string_view::npos;
  const char quote = single ? '\'' : '"';
  std::string out(1, quote);
  for (const std::string_view part : characters_of(text)) {
    const char32_t c = decode_utf8(part, 0).c;
    if (c == static_cast<char32_t>(quote) || c == U'\\') out.append("\\").append(part);
    else if (c == U'\n') out += "\\n";
    else if (c == U'\r') out += "\\r";
    else if (c == U'\t') out += "\\t";
    else if (c == U' ' || is_visible(c)) out += part;
    else if (c < 0x100) out += fmt::format("\\x{:02x}", static_cast<unsigned>(c));
    else if (c < 0x10000) out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    else out += fmt::format("\\U{:08x}", static_cast<unsigned>(c));
  }
  return out + quote;
}

std::string json_text(std::string_view text, bool ascii) {
  std::string out = "\"";
  for (std::size_t i = 0; i < text.size();) {
    const Decoded d = decode_utf8(text, i);
    const std::string_view part = text.substr(i, d.bytes);
    i += d.bytes;
    if (d.c == U'"' || d.c == U'\\') out.append("\\").append(part);
    else if (d.c == U'\n') out += "\\n";
    else if (d.c == U'\r') out += "\\r";
    else if (d.c == U'\t') out += "\\t";
    else if (d.c == U'\b') out += "\\b";
    else if (d.c == U'\f') out += "\\f";
    else if (d.c < 0x20 || (ascii && d.c > 0x7E && d.c < 0x10000)) out += fmt::format("\\u{:04x}", static_cast<unsigned>(d.c));
    else if (ascii && d.c >= 0x10000) out += fmt::format("\\u{:04x}\\u{:04x}", 0xD800U + ((static_cast<unsigned>(d.c) - 0x10000U) >> 10U), 0xDC00U + ((static_cast<unsigned>(d.c) - 0x10000U) & 0x3FFU));
    else out += part;
  }
  return out + '"';
}

/// Writes values one after another and counts what it writes.
class Printer {
 public:
  explicit Printer(Budget& budget) : budget_(budget) {}

  Status add(std::string_view text) {
    VITRINE_CHECK(budget_.spend(text.size()));
    out_ += text;
    return {};
  }
  std::string take() { return std::move(out_); }

  /// As Python shows a value inside of a list.
  Status represent(const Value& value) {
    VITRINE_CHECK(budget_.step());
    if (const std::string* text = value.text()) {
      VITRINE_CHECK(budget_.spend(text->size() * sizeof(std::string_view)));
      return add(python_text(*text));
    }
    if (value.none()) return add("None");
    if (value.undefined()) return add("Undefined");
    if (const auto* b = std::get_if<bool>(&value.v)) return add(*b ? "True" : "False");
    if (const auto number = number_of(value)) return add(number->whole ? std::to_string(number->i) : float_text(number->d));
    if (const List* list = value.list()) return represent_list(*list);
    if (const Dict* dict = value.dict()) return represent_dict(*dict);
    return wrong_type("a value that can be printed", value);
  }

  Status json(const Value& value, const JsonStyle& style, int level) {
    VITRINE_CHECK(budget_.step());
    if (const std::string* text = value.text()) return add(json_text(*text, style.ascii));
    if (value.none()) return add("null");
    if (const auto* b = std::get_if<bool>(&value.v)) return add(*b ? "true" : "false");
    if (const auto number = number_of(value)) return add(number_json(*number));
    if (const List* list = value.list(); list != nullptr && list->kind <= ListKind::Tuple)
      return json_items(list->items.size(), "[]", style, level, [&](std::size_t i) { return json(list->items[i], style, level + 1); });
    if (const Dict* dict = value.dict()) return json_dict(*dict, style, level);
    return wrong_type("a value that JSON has a form of", value);
  }

 private:
  static std::string number_json(const Number& number) {
    if (number.whole) return std::to_string(number.i);
    if (std::isnan(number.d)) return "NaN";
    if (std::isinf(number.d)) return number.d < 0 ? "-Infinity" : "Infinity";
    return float_text(number.d);
  }

  Status represent_list(const List& list) {
    if (list.kind == ListKind::Generator || list.kind == ListKind::View)
      return fail(ErrorCode::InvalidInput, "expected a value that can be printed, came a list that is only gone through");
    const bool tuple = list.kind == ListKind::Tuple;
    VITRINE_CHECK(add(tuple ? "(" : "["));
    for (std::size_t i = 0; i < list.items.size(); ++i) {
      if (i > 0) VITRINE_CHECK(add(", "));
      VITRINE_CHECK(represent(list.items[i]));
    }
    if (tuple && list.items.size() == 1) VITRINE_CHECK(add(","));
    return add(tuple ? ")" : "]");
  }

  Status represent_dict(const Dict& dict) {
    VITRINE_CHECK(add("{"));
    for (std::size_t i = 0; i < dict.items.size(); ++i) {
      if (i > 0) VITRINE_CHECK(add(", "));
      VITRINE_CHECK(represent(dict.items[i].first));
      VITRINE_CHECK(add(": "));
      VITRINE_CHECK(represent(dict.items[i].second));
    }
    return add("}");
  }

  template <class Write>
  Status json_items(std::size_t n, std::string_view brackets, const JsonStyle& style, int level, const Write& write) {
    const auto line = [&](int depth) {
      return style.indent < 0 ? Status{} : add("\n" + std::string(static_cast<std::size_t>(depth * style.indent), ' '));
    };
    VITRINE_CHECK(add(brackets.substr(0, 1)));
    for (std::size_t i = 0; i < n; ++i) {
      if (i > 0) VITRINE_CHECK(add(style.item));
      VITRINE_CHECK(line(level + 1));
      VITRINE_CHECK(write(i));
    }
    if (n > 0) VITRINE_CHECK(line(level));
    return add(brackets.substr(1));
  }

  Status json_dict(const Dict& dict, const JsonStyle& style, int level) {
    std::vector<std::pair<std::string, const Value*>> entries;
    for (const auto& [key, value] : dict.items) {
      std::string name;
      if (key.text() != nullptr) name = *key.text();
      else if (key.none()) name = "null";
      else if (const auto* b = std::get_if<bool>(&key.v)) name = *b ? "true" : "false";
      else name = number_json(*number_of(key));
      VITRINE_CHECK(budget_.spend(name.size()));
      entries.emplace_back(std::move(name), &value);
    }
    if (style.sort_keys)
      std::stable_sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    return json_items(entries.size(), "{}", style, level, [&](std::size_t i) -> Status {
      VITRINE_CHECK(add(json_text(entries[i].first, style.ascii) + style.key));
      return json(*entries[i].second, style, level + 1);
    });
  }

  Budget& budget_;
  std::string out_;
};

}  // namespace

Result<std::string> printed(const Value& value, Budget& budget) {
  if (value.undefined()) return std::string();
  if (const std::string* text = value.text()) {
    VITRINE_CHECK(budget.spend(text->size()));
    return *text;
  }
  Printer printer(budget);
  VITRINE_CHECK(printer.represent(value));
  return printer.take();
}

Result<std::string> json_of(const Value& value, const JsonStyle& style, Budget& budget) {
  Printer printer(budget);
  VITRINE_CHECK(printer.json(value, style, 0));
  return printer.take();
}

}  // namespace vitrine::engine::text::chat
