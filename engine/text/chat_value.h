#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "engine/core/error.h"
#include "engine/text/chat_budget.h"

namespace vitrine::engine::text::chat {

struct List;
struct Dict;
struct Namespace;
struct Loop;
struct Callable;

/// What a name stands for that nothing was given for: prints as nothing, is false, and refuses the rest.
struct Undefined {
  std::shared_ptr<const std::string> name;
};
struct None {};

/// A value of a template. Lists and objects never change, so they are shared.
struct Value {
  using Text = std::shared_ptr<const std::string>;
  std::variant<Undefined, None, bool, std::int64_t, double, Text, std::shared_ptr<const List>,
               std::shared_ptr<const Dict>, std::shared_ptr<Namespace>, std::shared_ptr<const Loop>,
               std::shared_ptr<const Callable>>
      v;

  [[nodiscard]] const std::string* text() const;
  [[nodiscard]] const List* list() const;
  [[nodiscard]] const Dict* dict() const;
  [[nodiscard]] Namespace* space() const;
  [[nodiscard]] const Loop* loop() const;
  [[nodiscard]] const Callable* callable() const;
  [[nodiscard]] bool undefined() const { return std::holds_alternative<Undefined>(v); }
  [[nodiscard]] bool none() const { return std::holds_alternative<None>(v); }
  /// A whole number; a truth value counts as 0 or 1.
  [[nodiscard]] const std::int64_t* whole() const { return std::get_if<std::int64_t>(&v); }
};

enum class ListKind {
  List,
  Tuple,
  View,       ///< of an object's keys, values or items: has a length, no places
  Generator,  ///< what filters such as `map` give: only to be gone through
};

struct List {
  std::vector<Value> items;
  ListKind kind = ListKind::List;
  int depth = 1;
};

struct Dict {
  std::vector<std::pair<Value, Value>> items;   ///< in the order in which they came
  int depth = 1;
  [[nodiscard]] const Value* find(std::string_view key) const;
};

/// The one thing that a template can change.
struct Namespace {
  std::vector<std::pair<std::string, Value>> items;
};

/// `loop` inside of a `for`.
struct Loop {
  std::shared_ptr<const List> items;
  std::size_t index = 0;
};

struct Scope;
struct Statement;

/// A function of the interpreter, a method with what it belongs to, or a macro.
struct Callable {
  enum class Kind { Function, Method, Macro } kind = Kind::Function;
  std::string name;
  Value receiver;
  const Statement* macro = nullptr;
  std::weak_ptr<Scope> scope;   ///< weak, since the scope holds the macro
  int depth = 1;
};

[[nodiscard]] Value text_value(std::string text);
[[nodiscard]] Value undefined_value(std::string name);
[[nodiscard]] Value method_value(const Value& receiver, std::string_view name);

/// @error DoesNotFit if values would nest deeper than 100
[[nodiscard]] Result<Value> list_value(std::vector<Value> items, Budget& budget, ListKind kind = ListKind::List);
/// A later entry of the same key replaces an earlier one, at its place. @error InvalidInput (key), DoesNotFit
[[nodiscard]] Result<Value> dict_value(std::vector<std::pair<Value, Value>> items, Budget& budget);
[[nodiscard]] Result<Value> value_of(const nlohmann::ordered_json& json, Budget& budget);

/// "a text", "a list", ...: for messages.
[[nodiscard]] std::string kind_of(const Value& value);
/// "'name' is not defined".
[[nodiscard]] tl::unexpected<Error> not_defined(const Value& value);
[[nodiscard]] tl::unexpected<Error> wrong_type(std::string_view what, const Value& came);

[[nodiscard]] bool truth_of(const Value& value);
/// What is between the values of a list, the keys of an object, the characters of a text. @error InvalidInput
[[nodiscard]] Result<std::shared_ptr<const List>> elements_of(const Value& value, Budget& budget);
[[nodiscard]] Result<std::int64_t> length_of(const Value& value, Budget& budget);
[[nodiscard]] Result<bool> equal(const Value& a, const Value& b, Budget& budget);
/// Negative, zero or positive. @error InvalidInput if the two have no order
[[nodiscard]] Result<int> order(const Value& a, const Value& b, Budget& budget);
[[nodiscard]] Result<bool> contains(const Value& all, const Value& one, Budget& budget);

/// A number, with truth values as 0 and 1; nothing for everything else.
struct Number {
  bool whole = true;
  std::int64_t i = 0;
  double d = 0;   ///< also where it is whole
};
[[nodiscard]] std::optional<Number> number_of(const Value& value);

/// `value.name`: an entry of an object or a method. @error Unsupported for what templates may not reach
[[nodiscard]] Result<Value> attribute_of(const Value& value, std::string_view name, Budget& budget);
/// `value[key]`.
[[nodiscard]] Result<Value> item_of(const Value& value, const Value& key, Budget& budget);
struct Bounds {
  std::optional<std::int64_t> from, to, step;
};
[[nodiscard]] Result<Value> slice_of(const Value& value, const Bounds& bounds, Budget& budget);

}  // namespace vitrine::engine::text::chat
