#include "engine/text/chat_value.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/io/bytes.h"
#include "engine/text/chat_text.h"

namespace vitrine::engine::text::chat {
namespace {

constexpr int kMaxDepth = 100;

int depth_of(const Value& value) {
  if (const List* list = value.list()) return list->depth;
  if (const Dict* dict = value.dict()) return dict->depth;
  if (const Loop* loop = value.loop()) return loop->items->depth + 1;
  if (const Callable* callable = value.callable()) return callable->depth;
  return 0;
}

Status check_depth(int depth) {
  if (depth <= kMaxDepth) return {};
  return fail(ErrorCode::DoesNotFit, fmt::format("makes values that nest deeper than {}", kMaxDepth));
}

Result<Value> value_at(const nlohmann::ordered_json& json, Budget& budget, int depth) {
  VITRINE_CHECK(check_depth(depth));
  VITRINE_CHECK(budget.step());
  using Kind = nlohmann::ordered_json::value_t;
  switch (json.type()) {
    case Kind::boolean: return Value{json.get<bool>()};
    case Kind::number_integer: return Value{json.get<std::int64_t>()};
    case Kind::number_float: return Value{json.get<double>()};
    case Kind::number_unsigned: {
      const auto u = json.get<std::uint64_t>();
      if (u > static_cast<std::uint64_t>(INT64_MAX)) return Value{static_cast<double>(u)};
      return Value{static_cast<std::int64_t>(u)};
    }
    case Kind::string: {
      VITRINE_CHECK(budget.spend(json.get_ref<const std::string&>().size()));
      return text_value(json.get<std::string>());
    }
    case Kind::array: {
      std::vector<Value> items;
      for (const auto& item : json) {
        VITRINE_TRY(Value value, value_at(item, budget, depth + 1));
        items.push_back(std::move(value));
      }
      return list_value(std::move(items), budget);
    }
    case Kind::object: {
      auto made = std::make_shared<Dict>();
      for (const auto& [key, item] : json.items()) {
        VITRINE_TRY(Value value, value_at(item, budget, depth + 1));
        made->depth = std::max(made->depth, depth_of(value) + 1);
        made->items.emplace_back(text_value(key), std::move(value));
      }
      return Value{std::shared_ptr<const Dict>(std::move(made))};
    }
    default: return Value{None{}};
  }
}

Result<bool> equal_lists(const List& a, const List& b, Budget& budget) {
  if (a.items.size() != b.items.size() || a.kind != b.kind) return false;
  for (std::size_t i = 0; i < a.items.size(); ++i) {
    VITRINE_TRY(const bool same, equal(a.items[i], b.items[i], budget));
    if (!same) return false;
  }
  return true;
}

Result<const Value*> find_key(const Dict& dict, const Value& key, Budget& budget) {
  for (const auto& [name, value] : dict.items) {
    VITRINE_TRY(const bool same, equal(name, key, budget));
    if (same) return &value;
  }
  return nullptr;
}

Result<bool> equal_dicts(const Dict& a, const Dict& b, Budget& budget) {
  if (a.items.size() != b.items.size()) return false;
  for (const auto& [key, value] : a.items) {
    VITRINE_TRY(const Value* other, find_key(b, key, budget));
    if (other == nullptr) return false;
    VITRINE_TRY(const bool same, equal(value, *other, budget));
    if (!same) return false;
  }
  return true;
}

int sign(double difference) { return difference < 0 ? -1 : difference > 0 ? 1 : 0; }

Result<Value> loop_attribute(const Loop& loop, std::string_view name) {
  const auto n = static_cast<std::int64_t>(loop.items->items.size());
  const auto i = static_cast<std::int64_t>(loop.index);
  if (name == "index") return Value{i + 1};
  if (name == "index0") return Value{i};
  if (name == "revindex") return Value{n - i};
  if (name == "revindex0") return Value{n - i - 1};
  if (name == "first") return Value{i == 0};
  if (name == "last") return Value{i + 1 == n};
  if (name == "length") return Value{n};
  if (name == "depth" || name == "depth0") return Value{std::int64_t{name == "depth" ? 1 : 0}};   // of recursion
  if (name == "previtem") return i > 0 ? loop.items->items[loop.index - 1] : undefined_value("loop.previtem");
  if (name == "nextitem") return i + 1 < n ? loop.items->items[loop.index + 1] : undefined_value("loop.nextitem");
  return fail(ErrorCode::Unsupported, fmt::format("uses loop.{}, which the interpreter does not know", printable(name)));
}

/// What a shared pointer of this type points to; nullptr if the value holds something else.
template <class Shared, class Variant>
typename Shared::element_type* held(const Variant& v) {
  const auto* p = std::get_if<Shared>(&v);
  return p == nullptr ? nullptr : p->get();
}

}  // namespace

const std::string* Value::text() const { return held<Text>(v); }
const List* Value::list() const { return held<std::shared_ptr<const List>>(v); }
const Dict* Value::dict() const { return held<std::shared_ptr<const Dict>>(v); }
Namespace* Value::space() const { return held<std::shared_ptr<Namespace>>(v); }
const Loop* Value::loop() const { return held<std::shared_ptr<const Loop>>(v); }
const Callable* Value::callable() const { return held<std::shared_ptr<const Callable>>(v); }

const Value* Dict::find(std::string_view key) const {
  for (const auto& [name, value] : items)
    if (const std::string* text = name.text(); text != nullptr && *text == key) return &value;
  return nullptr;
}

Value text_value(std::string text) { return {std::make_shared<const std::string>(std::move(text))}; }

Value undefined_value(std::string name) {
  return {Undefined{std::make_shared<const std::string>(std::move(name))}};
}

Value method_value(const Value& receiver, std::string_view name) {
  auto made = std::make_shared<Callable>();
  made->kind = Callable::Kind::Method;
  made->name = name;
  made->receiver = receiver;
  made->depth = depth_of(receiver) + 1;
  return {std::shared_ptr<const Callable>(std::move(made))};
}

Result<Value> list_value(std::vector<Value> items, Budget& budget, ListKind kind) {
  VITRINE_CHECK(budget.spend(sizeof(List) + items.size() * sizeof(Value)));
  auto made = std::make_shared<List>();
  for (const Value& item : items) made->depth = std::max(made->depth, depth_of(item) + 1);
  VITRINE_CHECK(check_depth(made->depth));
  made->items = std::move(items);
  made->kind = kind;
  return Value{std::shared_ptr<const List>(std::move(made))};
}

Result<Value> dict_value(std::vector<std::pair<Value, Value>> items, Budget& budget) {
  VITRINE_CHECK(budget.spend(sizeof(Dict) + items.size() * 2 * sizeof(Value)));
  auto made = std::make_shared<Dict>();
  for (auto& [key, value] : items) {
    if (key.text() == nullptr && !number_of(key) && !key.none()) return wrong_type("a key of an object to be a text", key);
    made->depth = std::max(made->depth, depth_of(value) + 1);
    VITRINE_TRY(const Value* old, find_key(*made, key, budget));
    if (old != nullptr) *const_cast<Value*>(old) = std::move(value);
    else made->items.emplace_back(std::move(key), std::move(value));
  }
  VITRINE_CHECK(check_depth(made->depth));
  return Value{std::shared_ptr<const Dict>(std::move(made))};
}

Result<Value> value_of(const nlohmann::ordered_json& json, Budget& budget) { return value_at(json, budget, 0); }

std::string kind_of(const Value& value) {
  if (value.undefined()) return "nothing";
  if (value.none()) return "none";
  if (std::holds_alternative<bool>(value.v)) return "a truth value";
  if (number_of(value)) return "a number";
  if (value.text() != nullptr) return "a text";
  if (value.list() != nullptr) return "a list";
  if (value.dict() != nullptr) return "an object";
  if (value.space() != nullptr) return "a namespace";
  return value.loop() != nullptr ? "a loop" : "a function";
}

tl::unexpected<Error> not_defined(const Value& value) {
  const auto* u = std::get_if<Undefined>(&value.v);
  const std::string name = u != nullptr && u->name ? *u->name : "a value";
  return fail(ErrorCode::InvalidInput, fmt::format("uses '{}', which is not defined", printable(name)));
}

tl::unexpected<Error> wrong_type(std::string_view what, const Value& came) {
  if (came.undefined()) return not_defined(came);
  return fail(ErrorCode::InvalidInput, fmt::format("expected {}, came {}", what, kind_of(came)));
}

bool truth_of(const Value& value) {
  if (const auto* b = std::get_if<bool>(&value.v)) return *b;
  if (const auto number = number_of(value)) return number->d != 0;
  if (const std::string* text = value.text()) return !text->empty();
  if (const List* list = value.list()) return list->kind == ListKind::Generator || !list->items.empty();
  if (const Dict* dict = value.dict()) return !dict->items.empty();
  return !value.undefined() && !value.none();
}

std::optional<Number> number_of(const Value& value) {
  if (const auto* b = std::get_if<bool>(&value.v)) return Number{true, *b ? 1 : 0, *b ? 1.0 : 0.0};
  if (const auto* i = std::get_if<std::int64_t>(&value.v)) return Number{true, *i, static_cast<double>(*i)};
  if (const auto* d = std::get_if<double>(&value.v)) return Number{false, 0, *d};
  return std::nullopt;
}

Result<std::shared_ptr<const List>> elements_of(const Value& value, Budget& budget) {
  if (const auto* list = std::get_if<std::shared_ptr<const List>>(&value.v)) return *list;
  std::vector<Value> items;
  if (const Dict* dict = value.dict()) {
    for (const auto& entry : dict->items) items.push_back(entry.first);
  } else if (const std::string* text = value.text()) {
    VITRINE_CHECK(budget.spend(text->size() * (sizeof(Value) + sizeof(std::string))));
    for (const std::string_view character : characters_of(*text)) items.push_back(text_value(std::string(character)));
  } else if (!value.undefined()) {
    return wrong_type("a list", value);
  }
  VITRINE_TRY(const Value made, list_value(std::move(items), budget));
  return std::get<std::shared_ptr<const List>>(made.v);
}

Result<std::int64_t> length_of(const Value& value, Budget& budget) {
  if (value.undefined()) return 0;
  if (const Dict* dict = value.dict()) return static_cast<std::int64_t>(dict->items.size());
  if (const List* list = value.list(); list != nullptr && list->kind != ListKind::Generator)
    return static_cast<std::int64_t>(list->items.size());
  if (const std::string* text = value.text()) {
    VITRINE_CHECK(budget.spend(text->size()));
    return static_cast<std::int64_t>(characters_of(*text).size());
  }
  return wrong_type("something that has a length", value);
}

Result<bool> equal(const Value& a, const Value& b, Budget& budget) {
  VITRINE_CHECK(budget.spend(sizeof(Value)));
  if (const auto x = number_of(a), y = number_of(b); x && y)
    return x->whole && y->whole ? x->i == y->i : x->d == y->d;
  if (const std::string *x = a.text(), *y = b.text(); x != nullptr && y != nullptr) {
    if (x->size() != y->size()) return false;
    VITRINE_CHECK(budget.spend(x->size()));
    return *x == *y;
  }
  if (const List *x = a.list(), *y = b.list(); x != nullptr && y != nullptr) return equal_lists(*x, *y, budget);
  if (const Dict *x = a.dict(), *y = b.dict(); x != nullptr && y != nullptr) return equal_dicts(*x, *y, budget);
  if (a.space() != nullptr) return a.space() == b.space();
  if (a.loop() != nullptr) return a.loop() == b.loop();
  if (a.callable() != nullptr) return a.callable() == b.callable();
  return (a.undefined() && b.undefined()) || (a.none() && b.none());
}

Result<int> order(const Value& a, const Value& b, Budget& budget) {
  if (const auto x = number_of(a), y = number_of(b); x && y)
    return x->whole && y->whole ? (x->i < y->i ? -1 : x->i > y->i ? 1 : 0) : sign(x->d - y->d);
  if (const std::string *x = a.text(), *y = b.text(); x != nullptr && y != nullptr) {
    VITRINE_CHECK(budget.spend(std::min(x->size(), y->size())));
    return x->compare(*y);
  }
  const List *x = a.list(), *y = b.list();
  if (x == nullptr || y == nullptr) return wrong_type("a value that can be ordered against " + kind_of(a), a.undefined() ? a : b);
  for (std::size_t i = 0; i < std::min(x->items.size(), y->items.size()); ++i) {
    VITRINE_CHECK(budget.step());
    VITRINE_TRY(const bool same, equal(x->items[i], y->items[i], budget));
    if (!same) return order(x->items[i], y->items[i], budget);
  }
  return sign(static_cast<double>(x->items.size()) - static_cast<double>(y->items.size()));
}

Result<bool> contains(const Value& all, const Value& one, Budget& budget) {
  if (all.undefined()) return false;
  if (const std::string* text = all.text()) {
    const std::string* part = one.text();
    if (part == nullptr) return wrong_type("a text to look for in a text", one);
    VITRINE_CHECK(budget.spend(text->size() + part->size()));
    return find_text(*text, *part, 0) != std::string::npos;
  }
  if (const Dict* dict = all.dict()) {
    VITRINE_TRY(const Value* found, find_key(*dict, one, budget));
    return found != nullptr;
  }
  const List* list = all.list();
  if (list == nullptr) return wrong_type("a list, an object or a text to look in", all);
  for (const Value& item : list->items) {
    VITRINE_TRY(const bool same, equal(item, one, budget));
    if (same) return true;
  }
  return false;
}

Result<Value> attribute_of(const Value& value, std::string_view name, Budget& budget) {
  if (value.undefined()) return not_defined(value);
  if (name.starts_with("__"))
    return fail(ErrorCode::Unsupported, fmt::format("reaches for '{}'; templates have values, not what is behind them", printable(name)));
  if (const Loop* loop = value.loop()) {
    if (name == "cycle") return method_value(value, name);
    return loop_attribute(*loop, name);
  }
  if (const Namespace* space = value.space()) {
    VITRINE_CHECK(budget.spend(space->items.size() * 16));
    for (const auto& [key, item] : space->items)
      if (key == name) return item;
    return undefined_value(std::string(name));
  }
  VITRINE_TRY(const bool method, has_method(value, name));
  if (method) return method_value(value, name);
  if (const Dict* dict = value.dict()) {
    VITRINE_CHECK(budget.spend(dict->items.size() * 16));
    if (const Value* found = dict->find(name)) return *found;
  }
  return undefined_value(std::string(name));
}

Result<Value> item_of(const Value& value, const Value& key, Budget& budget) {
  if (value.undefined()) return not_defined(value);
  if (const Dict* dict = value.dict()) {
    VITRINE_TRY(const Value* found, find_key(*dict, key, budget));
    if (found != nullptr) return *found;
  }
  if (const std::string* name = key.text()) return attribute_of(value, *name, budget);
  const auto place = number_of(key);
  if (!place || !place->whole) return undefined_value("an item");
  const auto at = [&](std::size_t n) { return place->i < 0 ? place->i + static_cast<std::int64_t>(n) : place->i; };
  if (const List* list = value.list(); list != nullptr && list->kind <= ListKind::Tuple) {
    const std::int64_t i = at(list->items.size());
    if (i >= 0 && i < static_cast<std::int64_t>(list->items.size())) return list->items[static_cast<std::size_t>(i)];
  }
  if (const std::string* text = value.text()) {
    VITRINE_CHECK(budget.spend(text->size()));
    const auto all = characters_of(*text);
    const std::int64_t i = at(all.size());
    if (i >= 0 && i < static_cast<std::int64_t>(all.size())) return text_value(std::string(all[static_cast<std::size_t>(i)]));
  }
  return undefined_value(fmt::format("item {}", place->i));
}

namespace {

/// The places that a slice takes of `n`, as Python counts them.
std::vector<std::size_t> places(const Bounds& b, std::int64_t n, std::int64_t step) {
  const auto clamp = [&](std::optional<std::int64_t> at, std::int64_t otherwise) {
    if (!at) return otherwise;
    const std::int64_t low = step < 0 ? -1 : 0, high = step < 0 ? n - 1 : n;
    return *at < 0 ? (*at < -n ? low : std::max(low, *at + n)) : std::min(*at, high);
  };
  const std::int64_t from = clamp(b.from, step < 0 ? n - 1 : 0), to = clamp(b.to, step < 0 ? -1 : n);
  std::vector<std::size_t> out;
  for (std::int64_t i = from; step < 0 ? i > to : i < to;) {
    out.push_back(static_cast<std::size_t>(i));
    if (__builtin_add_overflow(i, step, &i)) break;
  }
  return out;
}

}  // namespace

Result<Value> slice_of(const Value& value, const Bounds& bounds, Budget& budget) {
  const std::int64_t step = bounds.step.value_or(1);
  if (step == 0) return fail(ErrorCode::InvalidInput, "takes a slice with a step of 0");
  if (const std::string* text = value.text()) {
    VITRINE_CHECK(budget.spend(text->size()));
    const auto all = characters_of(*text);
    std::string out;
    for (const std::size_t i : places(bounds, static_cast<std::int64_t>(all.size()), step)) out += all[i];
    return text_value(std::move(out));
  }
  const List* list = value.list();
  if (list == nullptr || list->kind > ListKind::Tuple) return wrong_type("a list or a text to take a slice of", value);
  VITRINE_CHECK(budget.spend(list->items.size()));
  std::vector<Value> items;
  for (const std::size_t i : places(bounds, static_cast<std::int64_t>(list->items.size()), step)) items.push_back(list->items[i]);
  return list_value(std::move(items), budget, list->kind);
}

}  // namespace vitrine::engine::text::chat
