#include <fmt/format.h>

#include "engine/text/chat_evaluator.h"
#include "engine/text/chat_text.h"

namespace vitrine::engine::text::chat {

Result<Value> Evaluator::value_inside(const Expression& e, const ScopePtr& scope) {
  switch (e.kind) {
    case ExpressionKind::Literal: return e.literal;
    case ExpressionKind::Name: return name_value(e.name, *scope);
    case ExpressionKind::List:
    case ExpressionKind::Tuple: {
      VITRINE_TRY(std::vector<Value> items, values_of(e, 0, scope));
      return list_value(std::move(items), budget_, e.kind == ExpressionKind::List ? ListKind::List : ListKind::Tuple);
    }
    case ExpressionKind::Dict: return dict_literal(e, scope);
    case ExpressionKind::Not: {
      VITRINE_TRY(const Value value, value_of(*e.parts[0], scope));
      return Value{!truth_of(value)};
    }
    case ExpressionKind::Negate:
    case ExpressionKind::Plus: return signed_value(e, scope);
    case ExpressionKind::And:
    case ExpressionKind::Or: return either(e, scope);
    case ExpressionKind::Binary: return binary(e, scope);
    case ExpressionKind::Compare: return comparison(e, scope);
    case ExpressionKind::Concat: return concatenation(e, scope);
    case ExpressionKind::Conditional: return conditional(e, scope);
    case ExpressionKind::Attribute: {
      VITRINE_TRY(const Value value, value_of(*e.parts[0], scope));
      return attribute_of(value, e.name, budget_);
    }
    case ExpressionKind::Item: {
      VITRINE_TRY(const Value value, value_of(*e.parts[0], scope));
      VITRINE_TRY(const Value key, value_of(*e.parts[1], scope));
      return item_of(value, key, budget_);
    }
    case ExpressionKind::Slice: return slice(e, scope);
    case ExpressionKind::Call: return call(e, scope);
    case ExpressionKind::Filter:
    case ExpressionKind::Test: {
      VITRINE_TRY(const Value subject, value_of(*e.parts[0], scope));
      VITRINE_TRY(const Arguments arguments, arguments_of(e, scope));
      if (e.kind == ExpressionKind::Filter) return apply_filter(e.name, subject, arguments, budget_);
      VITRINE_TRY(const bool holds, apply_test(e.name, subject, arguments, budget_));
      return Value{holds};
    }
  }
  return Value{};
}

Result<std::vector<Value>> Evaluator::values_of(const Expression& e, std::size_t from, const ScopePtr& scope) {
  std::vector<Value> values;
  for (std::size_t i = from; i < e.parts.size(); ++i) {
    VITRINE_TRY(Value value, value_of(*e.parts[i], scope));
    values.push_back(std::move(value));
  }
  return values;
}

Result<Arguments> Evaluator::arguments_of(const Expression& e, const ScopePtr& scope) {
  Arguments arguments;
  VITRINE_TRY(arguments.places, values_of(e, 1, scope));
  for (const auto& [name, part] : e.named) {
    VITRINE_TRY(Value value, value_of(*part, scope));
    arguments.named.emplace_back(name, std::move(value));
  }
  return arguments;
}

Result<Value> Evaluator::dict_literal(const Expression& e, const ScopePtr& scope) {
  VITRINE_TRY(std::vector<Value> values, values_of(e, 0, scope));
  std::vector<std::pair<Value, Value>> items;
  for (std::size_t i = 0; i + 1 < values.size(); i += 2) items.emplace_back(std::move(values[i]), std::move(values[i + 1]));
  return dict_value(std::move(items), budget_);
}

Result<Value> Evaluator::signed_value(const Expression& e, const ScopePtr& scope) {
  VITRINE_TRY(const Value value, value_of(*e.parts[0], scope));
  if (!number_of(value)) return wrong_type("a number", value);
  return operate(e.kind == ExpressionKind::Negate ? "-" : "+", Value{std::int64_t{0}}, value, budget_);
}

/// `and` and `or` give the value that decided.
Result<Value> Evaluator::either(const Expression& e, const ScopePtr& scope) {
  Value value;
  for (const ExpressionPtr& part : e.parts) {
    VITRINE_TRY(value, value_of(*part, scope));
    if (truth_of(value) == (e.kind == ExpressionKind::Or)) return value;
  }
  return value;
}

Result<Value> Evaluator::binary(const Expression& e, const ScopePtr& scope) {
  VITRINE_TRY(const Value a, value_of(*e.parts[0], scope));
  VITRINE_TRY(const Value b, value_of(*e.parts[1], scope));
  return operate(e.name, a, b, budget_);
}

Result<Value> Evaluator::comparison(const Expression& e, const ScopePtr& scope) {
  VITRINE_TRY(Value left, value_of(*e.parts[0], scope));
  for (std::size_t i = 0; i < e.operators.size(); ++i) {
    VITRINE_TRY(Value right, value_of(*e.parts[i + 1], scope));
    const std::string& op = e.operators[i];
    bool holds = false;
    if (op == "in" || op == "not in") {
      VITRINE_TRY(const bool inside, contains(right, left, budget_));
      holds = inside == (op == "in");
    } else {
      VITRINE_TRY(holds, apply_test(op, left, {{right}, {}}, budget_));
    }
    if (!holds) return Value{false};
    left = std::move(right);
  }
  return Value{true};
}

Result<Value> Evaluator::concatenation(const Expression& e, const ScopePtr& scope) {
  std::string text;
  for (const ExpressionPtr& part : e.parts) {
    VITRINE_TRY(const Value value, value_of(*part, scope));
    VITRINE_TRY(const std::string more, printed(value, budget_));
    text += more;
  }
  return text_value(std::move(text));
}

Result<Value> Evaluator::conditional(const Expression& e, const ScopePtr& scope) {
  VITRINE_TRY(const Value condition, value_of(*e.parts[1], scope));
  if (truth_of(condition)) return value_of(*e.parts[0], scope);
  return e.parts[2] ? value_of(*e.parts[2], scope) : Result<Value>(undefined_value("the other value of an 'if'"));
}

Result<Value> Evaluator::slice(const Expression& e, const ScopePtr& scope) {
  VITRINE_TRY(const Value value, value_of(*e.parts[0], scope));
  Bounds bounds;
  std::optional<std::int64_t>* const places[] = {&bounds.from, &bounds.to, &bounds.step};
  for (std::size_t i = 0; i < 3; ++i) {
    if (!e.parts[i + 1]) continue;
    VITRINE_TRY(const Value bound, value_of(*e.parts[i + 1], scope));
    if (bound.none()) continue;
    const auto number = number_of(bound);
    if (!number || !number->whole) return wrong_type("a whole number in a slice", bound);
    *places[i] = number->i;
  }
  return slice_of(value, bounds, budget_);
}

}  // namespace vitrine::engine::text::chat
