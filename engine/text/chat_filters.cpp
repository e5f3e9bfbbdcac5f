#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include <fmt/format.h>

#include "engine/io/bytes.h"
#include "engine/text/chat_library.h"
#include "engine/text/chat_syntax.h"
#include "engine/text/chat_text.h"

namespace vitrine::engine::text::chat {
namespace {

using Filter = Result<Value> (*)(const Value&, const Arguments&, Budget&);

Result<std::string> as_text(const Value& value, Budget& budget) { return printed(value, budget); }

template <class Change>
Result<Value> changed(const Value& value, const Arguments& arguments, Budget& budget, const char* name, Change change) {
  VITRINE_CHECK(arguments.fit(name, {}));
  VITRINE_TRY(const std::string text, as_text(value, budget));
  VITRINE_CHECK(budget.spend(4 * text.size()));
  return text_value(std::string(change(text)));
}

/// `value` at "name.other.0".
Result<Value> at_path(Value value, std::string_view path, Budget& budget) {
  for (;;) {
    const std::size_t dot = path.find('.');
    const std::string_view part = path.substr(0, dot);
    const auto place = parse_decimal(part);
    const Value key = place && *place < (std::uint64_t{1} << 62) ? Value{static_cast<std::int64_t>(*place)} : text_value(std::string(part));
    VITRINE_TRY(value, item_of(value, key, budget));
    if (dot == std::string_view::npos) return value;
    path.remove_prefix(dot + 1);
  }
}

Arguments without_first(const Arguments& arguments, std::size_t n) {
  Arguments rest;
  rest.places.assign(arguments.places.begin() + static_cast<std::ptrdiff_t>(std::min(n, arguments.places.size())), arguments.places.end());
  return rest;
}

Result<Value> trim(const Value& value, const Arguments& arguments, Budget& budget) {
  VITRINE_CHECK(arguments.fit("trim", {"chars"}));
  VITRINE_TRY(const std::string text, as_text(value, budget));
  const Value* set = arguments.find(0, "chars");
  if (set != nullptr && !set->none() && set->text() == nullptr) return wrong_type("characters to trim", *set);
  return text_value(std::string(strip(text, {}, set == nullptr ? nullptr : set->text())));
}

Result<Value> tojson(const Value& value, const Arguments& arguments, Budget& budget) {
  VITRINE_CHECK(arguments.fit("tojson", {"ensure_ascii", "indent", "separators", "sort_keys"}));
  JsonStyle style;
  style.ascii = arguments.flag(0, "ensure_ascii");
  const Value* indent = arguments.find(1, "indent");
  if (indent != nullptr && !indent->none()) {
    const auto width = number_of(*indent);
    if (!width || !width->whole || width->i < 0 || width->i > 64) return wrong_type("an indent from 0 to 64", *indent);
    style.indent = static_cast<int>(width->i);
    style.item = ",";
  }
  style.sort_keys = arguments.flag(3, "sort_keys");
  if (const Value* pair = arguments.find(2, "separators"); pair != nullptr && !pair->none()) {
    const List* list = pair->list();
    if (list == nullptr || list->items.size() != 2 || list->items[0].text() == nullptr || list->items[1].text() == nullptr)
      return wrong_type("two texts as separators", *pair);
    style.item = *list->items[0].text();
    style.key = *list->items[1].text();
  }
  VITRINE_TRY(std::string text, json_of(value, style, budget));
  return text_value(std::move(text));
}

Result<Value> length(const Value& value, const Arguments& arguments, Budget& budget) {
  VITRINE_CHECK(arguments.fit("length", {}));
  VITRINE_TRY(const std::int64_t n, length_of(value, budget));
  return Value{n};
}

Result<Value> join(const Value& value, const Arguments& arguments, Budget& budget) {
  VITRINE_CHECK(arguments.fit("join", {"d", "attribute"}));
  VITRINE_TRY(const std::string between, arguments.text(0, "d", ""));
  VITRINE_TRY(const auto list, elements_of(value, budget));
  const Value* attribute = arguments.find(1, "attribute");
  std::string out;
  for (std::size_t i = 0; i < list->items.size(); ++i) {
    VITRINE_CHECK(budget.step());
    VITRINE_CHECK(budget.spend(between.size()));
    Value item = list->items[i];
    if (attribute != nullptr && attribute->text() != nullptr) {
      VITRINE_TRY(item, at_path(item, *attribute->text(), budget));
    }
    VITRINE_TRY(const std::string text, as_text(item, budget));
    out += (i > 0 ? between : std::string()) + text;
  }
  return text_value(std::move(out));
}

Result<Value> otherwise(const Value& value, const Arguments& arguments, Budget&) {
  VITRINE_CHECK(arguments.fit("default", {"default_value", "boolean"}));
  const Value* other = arguments.find(0, "default_value");
  if (!value.undefined() && !(arguments.flag(1, "boolean") && !truth_of(value))) return value;
  return other == nullptr ? text_value("") : *other;
}

Result<Value> first(const Value& value, const Arguments& arguments, Budget& budget) {
  VITRINE_CHECK(arguments.fit("first", {}));
  VITRINE_TRY(const auto list, elements_of(value, budget));
  return list->items.empty() ? undefined_value("the first of none") : list->items.front();
}

Result<Value> last(const Value& value, const Arguments& arguments, Budget& budget) {
  VITRINE_CHECK(arguments.fit("last", {}));
  VITRINE_TRY(const auto list, elements_of(value, budget));
  return list->items.empty() ? undefined_value("the last of none") : list->items.back();
}

Result<Value> list_filter(const Value& value, const Arguments& arguments, Budget& budget) {
  VITRINE_CHECK(arguments.fit("list", {}));
  VITRINE_TRY(const auto list, elements_of(value, budget));
  return list_value(list->items, budget);
}

Result<Value> items_filter(const Value& value, const Arguments& arguments, Budget& budget) {
  VITRINE_CHECK(arguments.fit("items", {}));
  std::vector<Value> pairs;
  if (const Dict* dict = value.dict()) {
    for (const auto& [key, item] : dict->items) {
      VITRINE_TRY(Value pair, list_value({key, item}, budget, ListKind::Tuple));
      pairs.push_back(std::move(pair));
    }
  } else if (!value.undefined()) {
    return wrong_type("an object to list the items of", value);
  }
  return list_value(std::move(pairs), budget, ListKind::Generator);
}

Result<Value> reverse(const Value& value, const Arguments& arguments, Budget& budget) {
  VITRINE_CHECK(arguments.fit("reverse", {}));
  if (value.text() != nullptr) return slice_of(value, {{}, {}, -1}, budget);
  VITRINE_TRY(const auto list, elements_of(value, budget));
  return list_value({list->items.rbegin(), list->items.rend()}, budget, ListKind::Generator);
}

Result<Value> map(const Value& value, const Arguments& arguments, Budget& budget) {
  VITRINE_TRY(const auto list, elements_of(value, budget));
  std::vector<Value> out;
  const Value* attribute = arguments.places.empty() ? arguments.find(0, "attribute") : nullptr;
  const std::string* filter = arguments.places.empty() ? nullptr : arguments.places[0].text();
  if (attribute != nullptr && attribute->text() == nullptr) return wrong_type("the name of an attribute", *attribute);
  if (attribute == nullptr && (filter == nullptr || !known_filter(*filter)))
    return fail(ErrorCode::Unsupported, "maps with something that is neither an attribute nor a filter that the interpreter knows");
  const Value* missing = arguments.find(9, "default");
  if (filter != nullptr && (*filter == "map" || *filter == "select" || *filter == "reject"))
    return fail(ErrorCode::Unsupported, "maps a filter that takes a filter, which the interpreter does not do");
  for (const Value& item : list->items) {
    VITRINE_CHECK(budget.step());
    auto made = attribute != nullptr ? at_path(item, *attribute->text(), budget)
                                     : apply_filter(*filter, item, without_first(arguments, 1), budget);
    if (!made) return made;
    out.push_back(attribute != nullptr && made->undefined() && missing != nullptr ? *missing : std::move(*made));
  }
  return list_value(std::move(out), budget, ListKind::Generator);
}

/// Items whose own value, or attribute, passes a test (or is true), or does not.
Result<Value> chosen(const Value& value, const Arguments& arguments, Budget& budget, bool attribute, bool wanted) {
  VITRINE_TRY(const auto list, elements_of(value, budget));
  std::string path, test;
  if (attribute) {
    VITRINE_TRY(path, arguments.text(0, "attribute"));
  }
  const std::size_t place = attribute ? 1 : 0;
  if (arguments.places.size() > place) {
    VITRINE_TRY(test, arguments.text(place, "test"));
    if (!known_test(test)) return fail(ErrorCode::Unsupported, fmt::format("the test '{}' is not one that the interpreter knows", printable(test, 40)));
  }
  const Arguments rest = without_first(arguments, place + 1);
  std::vector<Value> out;
  for (const Value& item : list->items) {
    VITRINE_CHECK(budget.step());
    Value subject = item;
    if (attribute) {
      VITRINE_TRY(subject, at_path(item, path, budget));
    }
    bool passes = truth_of(subject);
    if (!test.empty()) {
      VITRINE_TRY(passes, apply_test(test, subject, rest, budget));
    }
    if (passes == wanted) out.push_back(item);
  }
  return list_value(std::move(out), budget, ListKind::Generator);
}

Result<Value> replace(const Value& value, const Arguments& arguments, Budget& budget) {
  VITRINE_CHECK(arguments.fit("replace", {"old", "new", "count"}));
  VITRINE_TRY(const std::string text, as_text(value, budget));
  VITRINE_TRY(const std::string old, arguments.text(0, "old"));
  VITRINE_TRY(const std::string by, arguments.text(1, "new"));
  VITRINE_TRY(const std::int64_t most, arguments.whole(2, "count", -1));
  VITRINE_TRY(std::string out, replaced(text, old, by, most, budget));
  return text_value(std::move(out));
}

Result<Value> string_filter(const Value& value, const Arguments& arguments, Budget& budget) {
  VITRINE_CHECK(arguments.fit("string", {}));
  VITRINE_TRY(std::string text, as_text(value, budget));
  return text_value(std::move(text));
}

std::optional<double> double_in(std::string_view text) {
  text = strip(text, {}, nullptr);
  double value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  return problem == std::errc{} && end == text.data() + text.size() && !text.empty() ? std::optional(value) : std::nullopt;
}

Result<Value> int_filter(const Value& value, const Arguments& arguments, Budget&) {
  VITRINE_CHECK(arguments.fit("int", {"default"}));
  const Value* other = arguments.find(0, "default");
  const Value none = other == nullptr ? Value{std::int64_t{0}} : *other;
  auto number = number_of(value);
  if (const std::string* text = value.text())
    if (const auto d = double_in(*text)) number = Number{false, 0, *d};
  if (!number) return none;
  if (number->whole) return Value{number->i};
  if (!(std::abs(number->d) < 9e18)) return none;
  return Value{static_cast<std::int64_t>(number->d)};
}

Result<Value> float_filter(const Value& value, const Arguments& arguments, Budget&) {
  VITRINE_CHECK(arguments.fit("float", {"default"}));
  const Value* other = arguments.find(0, "default");
  if (const auto number = number_of(value)) return Value{number->d};
  if (const std::string* text = value.text())
    if (const auto d = double_in(*text)) return Value{*d};
  return other == nullptr ? Value{0.0} : *other;
}

Result<Value> absolute(const Value& value, const Arguments& arguments, Budget& budget) {
  VITRINE_CHECK(arguments.fit("abs", {}));
  const auto number = number_of(value);
  if (!number) return wrong_type("a number", value);
  if (!number->whole) return Value{std::abs(number->d)};
  return number->i < 0 ? operate("-", Value{std::int64_t{0}}, value, budget) : Result<Value>(Value{number->i});
}

Result<Value> unique(const Value& value, const Arguments& arguments, Budget& budget) {
  VITRINE_CHECK(arguments.fit("unique", {"case_sensitive"}));
  VITRINE_TRY(const auto list, elements_of(value, budget));
  const bool exact = arguments.flag(0, "case_sensitive");
  std::vector<Value> out, keys;
  for (const Value& item : list->items) {
    VITRINE_CHECK(budget.step());
    Value key = item;
    if (const std::string* text = item.text(); text != nullptr && !exact) {
      VITRINE_CHECK(budget.spend(4 * text->size()));
      key = text_value(lower(*text));
    }
    bool seen = false;
    for (std::size_t i = 0; i < keys.size() && !seen; ++i) {
      VITRINE_TRY(seen, equal(keys[i], key, budget));
    }
    if (seen) continue;
    keys.push_back(std::move(key));
    out.push_back(item);
  }
  return list_value(std::move(out), budget, ListKind::Generator);
}

Result<Value> indent(const Value& value, const Arguments& arguments, Budget& budget) {
  VITRINE_CHECK(arguments.fit("indent", {"width", "first", "blank"}));
  VITRINE_TRY(const std::string text, as_text(value, budget));
  const Value* width = arguments.find(0, "width");
  std::string space(4, ' ');
  if (width != nullptr && width->text() != nullptr) {
    space = *width->text();
  } else if (width != nullptr) {
    const auto n = number_of(*width);
    if (!n || !n->whole || n->i < 0 || n->i > 1000) return wrong_type("a width from 0 to 1000", *width);
    space.assign(static_cast<std::size_t>(n->i), ' ');
  }
  const bool blank = arguments.flag(2, "blank");
  std::string out = arguments.flag(1, "first") ? space : "";
  const auto lines = split_lines(text, false);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    VITRINE_CHECK(budget.spend(space.size() + lines[i].size()));
    if (i > 0) out += "\n" + (blank || !lines[i].empty() ? space : std::string());
    out += lines[i];
  }
  if (!text.empty() && (text.back() == '\n')) out += blank ? "\n" + space : "\n";
  return text_value(std::move(out));
}

struct Named {
  std::string_view name;
  Filter filter;
};

constexpr Filter kUpper = [](const Value& v, const Arguments& a, Budget& b) { return changed(v, a, b, "upper", upper); };
constexpr Filter kLower = [](const Value& v, const Arguments& a, Budget& b) { return changed(v, a, b, "lower", lower); };
constexpr Filter kCapital = [](const Value& v, const Arguments& a, Budget& b) { return changed(v, a, b, "capitalize", capitalised); };
constexpr Filter kTitle = [](const Value& v, const Arguments& a, Budget& b) {
  return changed(v, a, b, "title", [](std::string_view text) { return titled(text, true); });
};
constexpr Filter kSafe = [](const Value& v, const Arguments&, Budget&) { return Result<Value>(v); };
constexpr Filter kSelect = [](const Value& v, const Arguments& a, Budget& b) { return chosen(v, a, b, false, true); };
constexpr Filter kReject = [](const Value& v, const Arguments& a, Budget& b) { return chosen(v, a, b, false, false); };
constexpr Filter kSelectAttr = [](const Value& v, const Arguments& a, Budget& b) { return chosen(v, a, b, true, true); };
constexpr Filter kRejectAttr = [](const Value& v, const Arguments& a, Budget& b) { return chosen(v, a, b, true, false); };

constexpr std::array kFilters = {
    Named{"abs", absolute}, Named{"capitalize", kCapital}, Named{"count", length}, Named{"d", otherwise},
    Named{"default", otherwise}, Named{"first", first}, Named{"float", float_filter}, Named{"indent", indent},
    Named{"int", int_filter}, Named{"items", items_filter}, Named{"join", join}, Named{"last", last},
    Named{"length", length}, Named{"list", list_filter}, Named{"lower", kLower}, Named{"map", map},
    Named{"reject", kReject}, Named{"rejectattr", kRejectAttr}, Named{"replace", replace}, Named{"reverse", reverse},
    Named{"safe", kSafe}, Named{"select", kSelect}, Named{"selectattr", kSelectAttr}, Named{"string", string_filter},
    Named{"title", kTitle}, Named{"tojson", tojson}, Named{"trim", trim}, Named{"unique", unique}, Named{"upper", kUpper},
};

const Named* filter_of(std::string_view name) {
  const auto* found = std::find_if(kFilters.begin(), kFilters.end(), [&](const Named& f) { return f.name == name; });
  return found == kFilters.end() ? nullptr : found;
}

}  // namespace

bool known_filter(std::string_view name) { return filter_of(name) != nullptr; }

Result<Value> apply_filter(std::string_view name, const Value& subject, const Arguments& arguments, Budget& budget) {
  const Named* filter = filter_of(name);
  if (filter == nullptr) return fail(ErrorCode::Unsupported, fmt::format("the filter '{}' is not one that the interpreter knows", printable(name, 40)));
  return filter->filter(subject, arguments, budget);
}

}  // namespace vitrine::engine::text::chat
