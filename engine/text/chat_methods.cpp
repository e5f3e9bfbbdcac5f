#include <algorithm>
#include <span>

#include <fmt/format.h>

#include "engine/io/bytes.h"
#include "engine/text/chat_library.h"
#include "engine/text/chat_text.h"
#include "engine/text/unicode.h"

namespace vitrine::engine::text::chat {
namespace {

bool among(std::span<const std::string_view> names, std::string_view name) { return std::find(names.begin(), names.end(), name) != names.end(); }

constexpr std::string_view kTextMethods[] = {"strip", "lstrip", "rstrip", "split", "rsplit", "splitlines", "startswith", "endswith", "replace", "title",
                                "upper", "lower", "capitalize", "find", "count", "join", "removeprefix", "removesuffix", "isdigit", "isspace"};
constexpr std::string_view kOtherTextMethods[] = {"casefold", "center", "encode", "expandtabs", "format", "format_map", "index", "isalnum", "isalpha", "isascii",
                                     "isdecimal", "isidentifier", "islower", "isnumeric", "isprintable", "istitle", "isupper", "ljust", "maketrans",
                                     "partition", "rfind", "rindex", "rjust", "rpartition", "swapcase", "translate", "zfill"};
constexpr std::string_view kDictMethods[] = {"items", "keys", "values", "get"};
constexpr std::string_view kOtherDictMethods[] = {"clear", "copy", "fromkeys", "pop", "popitem", "setdefault", "update"};
constexpr std::string_view kListMethods[] = {"count", "index"};
constexpr std::string_view kOtherListMethods[] = {"append", "clear", "copy", "extend", "insert", "pop", "remove", "reverse", "sort"};

Result<Value> texts_value(const std::vector<std::string_view>& parts, Budget& budget) {
  std::vector<Value> items;
  for (const std::string_view part : parts) {
    VITRINE_CHECK(budget.spend(part.size() + sizeof(std::string)));
    items.push_back(text_value(std::string(part)));
  }
  return list_value(std::move(items), budget);
}

Result<Value> stripped(const std::string& text, std::string_view name, const Arguments& arguments) {
  VITRINE_CHECK(arguments.fit(name, {"chars"}));
  const Value* set = arguments.find(0, "chars");
  if (set != nullptr && !set->none() && set->text() == nullptr) return wrong_type("characters to strip", *set);
  return text_value(std::string(strip(text, {name != "rstrip", name != "lstrip"}, set == nullptr ? nullptr : set->text())));
}

Result<Value> parts_of(const std::string& text, bool from_right, const Arguments& arguments, Budget& budget) {
  VITRINE_CHECK(arguments.fit("split", {"sep", "maxsplit"}));
  const Value* by = arguments.find(0, "sep");
  if (by != nullptr && !by->none() && by->text() == nullptr) return wrong_type("a text to split at", *by);
  const std::string* cut = by == nullptr ? nullptr : by->text();
  if (cut != nullptr && cut->empty()) return fail(ErrorCode::InvalidInput, "splits at an empty text");
  VITRINE_TRY(const std::int64_t most, arguments.whole(1, "maxsplit", -1));
  VITRINE_CHECK(budget.spend(text.size() * sizeof(std::string_view)));
  return texts_value(split(text, cut, most, from_right), budget);
}

Result<Value> begins_or_ends(const std::string& text, bool begins, const Arguments& arguments) {
  VITRINE_CHECK(arguments.fit(begins ? "startswith" : "endswith", {"part"}));
  const Value* part = arguments.find(0, "part");
  if (part == nullptr) return fail(ErrorCode::InvalidInput, "expected a text to compare with, came none");
  const auto holds = [&](const std::string& p) { return begins ? text.starts_with(p) : text.ends_with(p); };
  if (part->text() != nullptr) return Value{holds(*part->text())};
  const List* list = part->list();
  if (list == nullptr || list->kind != ListKind::Tuple) return wrong_type("a text to compare with", *part);
  return Value{std::any_of(list->items.begin(), list->items.end(), [&](const Value& v) { return v.text() != nullptr && holds(*v.text()); })};
}

Result<Value> joined(const std::string& between, const Arguments& arguments, Budget& budget) {
  VITRINE_CHECK(arguments.fit("join", {"parts"}));
  const Value* parts = arguments.find(0, "parts");
  if (parts == nullptr) return fail(ErrorCode::InvalidInput, "expected a list to join, came none");
  VITRINE_TRY(const auto list, elements_of(*parts, budget));
  std::string out;
  for (std::size_t i = 0; i < list->items.size(); ++i) {
    const std::string* text = list->items[i].text();
    if (text == nullptr) return wrong_type("texts to join", list->items[i]);
    VITRINE_CHECK(budget.spend(between.size() + text->size()));
    if (i > 0) out += between;
    out += *text;
  }
  return text_value(std::move(out));
}

Result<Value> searched(const std::string& text, std::string_view name, const Arguments& arguments, Budget& budget) {
  VITRINE_CHECK(arguments.fit(name, {"part"}));
  VITRINE_TRY(const std::string part, arguments.text(0, "part"));
  VITRINE_CHECK(budget.spend(text.size() + part.size()));
  if (name == "find") {
    const std::size_t at = find_text(text, part, 0);
    return Value{at == std::string::npos ? std::int64_t{-1} : static_cast<std::int64_t>(characters_of(std::string_view(text).substr(0, at)).size())};
  }
  if (part.empty()) return fail(ErrorCode::InvalidInput, "counts an empty text");
  std::int64_t n = 0;
  for (std::size_t at = find_text(text, part, 0); at != std::string::npos; at = find_text(text, part, at + part.size())) ++n;
  return Value{n};
}

Result<Value> without_affix(const std::string& text, bool front, const Arguments& arguments) {
  VITRINE_CHECK(arguments.fit(front ? "removeprefix" : "removesuffix", {"part"}));
  VITRINE_TRY(const std::string part, arguments.text(0, "part"));
  if (!(front ? text.starts_with(part) : text.ends_with(part))) return text_value(text);
  return text_value(front ? text.substr(part.size()) : text.substr(0, text.size() - part.size()));
}

Result<Value> text_method(const std::string& text, std::string_view name, const Arguments& arguments, Budget& budget) {
  VITRINE_CHECK(budget.spend(4 * text.size()));
  if (name.ends_with("strip")) return stripped(text, name, arguments);
  if (name == "split" || name == "rsplit") return parts_of(text, name == "rsplit", arguments, budget);
  if (name == "startswith" || name == "endswith") return begins_or_ends(text, name == "startswith", arguments);
  if (name == "join") return joined(text, arguments, budget);
  if (name == "find" || name == "count") return searched(text, name, arguments, budget);
  if (name == "removeprefix" || name == "removesuffix") return without_affix(text, name == "removeprefix", arguments);
  if (name == "splitlines") {
    VITRINE_CHECK(arguments.fit(name, {"keepends"}));
    return texts_value(split_lines(text, arguments.flag(0, "keepends")), budget);
  }
  if (name == "replace") {
    VITRINE_CHECK(arguments.fit(name, {"old", "new", "count"}));
    VITRINE_TRY(const std::string old, arguments.text(0, "old"));
    VITRINE_TRY(const std::string by, arguments.text(1, "new"));
    VITRINE_TRY(const std::int64_t most, arguments.whole(2, "count", -1));
    VITRINE_TRY(std::string out, replaced(text, old, by, most, budget));
    return text_value(std::move(out));
  }
  VITRINE_CHECK(arguments.fit(name, {}));
  if (name == "upper") return text_value(upper(text));
  if (name == "lower") return text_value(lower(text));
  if (name == "capitalize") return text_value(capitalised(text));
  if (name == "title") return text_value(titled(text, false));
  const auto all = characters_of(text);
  const bool digits = name == "isdigit";
  return Value{!all.empty() && std::all_of(all.begin(), all.end(), [&](std::string_view c) {
    return digits ? c.size() == 1 && c[0] >= '0' && c[0] <= '9' : strip(c, {}, nullptr).empty();
  })};
}

Result<Value> dict_method(const Dict& dict, std::string_view name, const Value& receiver, const Arguments& arguments, Budget& budget) {
  if (name == "get") {
    VITRINE_CHECK(arguments.fit(name, {"key", "default"}));
    const Value* key = arguments.find(0, "key");
    const Value* other = arguments.find(1, "default");
    if (key == nullptr) return fail(ErrorCode::InvalidInput, "expected a key to get, came none");
    VITRINE_TRY(const bool there, contains(receiver, *key, budget));
    if (there) return item_of(receiver, *key, budget);
    return other == nullptr ? Value{None{}} : *other;
  }
  VITRINE_CHECK(arguments.fit(name, {}));
  std::vector<Value> items;
  for (const auto& [key, value] : dict.items) {
    if (name == "items") {
      VITRINE_TRY(Value pair, list_value({key, value}, budget, ListKind::Tuple));
      items.push_back(std::move(pair));
    } else {
      items.push_back(name == "keys" ? key : value);
    }
  }
  return list_value(std::move(items), budget, ListKind::View);
}

Result<Value> list_method(const List& list, std::string_view name, const Arguments& arguments, Budget& budget) {
  VITRINE_CHECK(arguments.fit(name, {"value"}));
  const Value* wanted = arguments.find(0, "value");
  if (wanted == nullptr) return fail(ErrorCode::InvalidInput, "expected a value to look for, came none");
  std::int64_t n = 0;
  for (std::size_t i = 0; i < list.items.size(); ++i) {
    VITRINE_TRY(const bool same, equal(list.items[i], *wanted, budget));
    if (same && name == "index") return Value{static_cast<std::int64_t>(i)};
    n += same ? 1 : 0;
  }
  if (name == "index") return fail(ErrorCode::InvalidInput, "looks for the place of a value that a list does not hold");
  return Value{n};
}

}  // namespace

Result<bool> has_method(const Value& value, std::string_view name) {
  bool known = false, other = false;
  if (value.text() != nullptr) {
    known = among(kTextMethods, name);
    other = among(kOtherTextMethods, name);
  } else if (value.dict() != nullptr) {
    known = among(kDictMethods, name);
    other = among(kOtherDictMethods, name);
  } else if (value.list() != nullptr) {
    known = among(kListMethods, name);
    other = among(kOtherListMethods, name);
  }
  if (other) return fail(ErrorCode::Unsupported, fmt::format("uses '{}' of {}, which the interpreter does not do", name, kind_of(value)));
  return known;
}

Result<Value> call_method(const Callable& method, const Arguments& arguments, Budget& budget) {
  const Value& receiver = method.receiver;
  if (receiver.text() != nullptr) return text_method(*receiver.text(), method.name, arguments, budget);
  if (receiver.dict() != nullptr) return dict_method(*receiver.dict(), method.name, receiver, arguments, budget);
  if (receiver.list() != nullptr) return list_method(*receiver.list(), method.name, arguments, budget);
  if (receiver.loop() == nullptr || arguments.places.empty()) return fail(ErrorCode::InvalidInput, "'cycle' needs values");
  return arguments.places[receiver.loop()->index % arguments.places.size()];
}

}  // namespace vitrine::engine::text::chat
