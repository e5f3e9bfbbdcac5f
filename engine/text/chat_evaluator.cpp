#include "engine/text/chat_evaluator.h"

#include <fmt/format.h>

#include "engine/io/bytes.h"
#include "engine/text/chat_text.h"

namespace vitrine::engine::text::chat {

const Value* Scope::find(std::string_view name) const {
  for (const Scope* scope = this; scope != nullptr; scope = scope->around.get())
    if (const auto found = scope->names.find(name); found != scope->names.end()) return &found->second;
  return nullptr;
}

/// One level deeper while it lives.
class Evaluator::Level {
 public:
  explicit Level(Evaluator& of) : of_(of) { ++of_.depth_; }
  ~Level() { --of_.depth_; }
  Level(const Level&) = delete;
  Level& operator=(const Level&) = delete;
  [[nodiscard]] Status check() const {
    const int most = of_.budget_.limits().depth;
    if (of_.depth_ <= most) return of_.budget_.step();
    return fail(ErrorCode::DoesNotFit, fmt::format("goes deeper than {} parts inside each other", most));
  }

 private:
  Evaluator& of_;
};

Evaluator::~Evaluator() {
  for (const auto& space : spaces_) space->items.clear();
}

Result<std::string> Evaluator::run(const Body& body, const nlohmann::ordered_json& variables) {
  const auto root = std::make_shared<Scope>();
  for (const auto& [name, json] : variables.items()) {
    VITRINE_TRY(root->names[name], chat::value_of(json, budget_));
  }
  VITRINE_TRY(const ScopePtr scope, inside(root));
  return captured(body, scope);
}

Result<Evaluator::ScopePtr> Evaluator::inside(const ScopePtr& scope) const {
  auto made = std::make_shared<Scope>();
  made->around = scope;
  made->level = scope->level + 1;
  if (made->level > budget_.limits().depth) return fail(ErrorCode::DoesNotFit, "goes too deep into its own blocks");
  return made;
}

Status Evaluator::write(std::string_view text) {
  VITRINE_CHECK(budget_.spend(text.size()));
  if (out_->size() + text.size() > budget_.limits().output_bytes)
    return fail(ErrorCode::DoesNotFit, fmt::format("writes more than {} bytes", budget_.limits().output_bytes));
  *out_ += text;
  return {};
}

Result<std::string> Evaluator::captured(const Body& body, const ScopePtr& scope) {
  std::string text;
  std::string* outer = std::exchange(out_, &text);
  const auto done = execute(body, scope);
  out_ = outer;
  if (!done) return tl::unexpected(done.error());
  return text;
}

Result<Evaluator::Flow> Evaluator::execute(const Body& body, const ScopePtr& scope) {
  for (const Statement& statement : body) {
    const Level deeper(*this);
    Result<Flow> flow = Flow::On;
    if (const Status fits = deeper.check(); !fits) flow = tl::unexpected(fits.error());
    else flow = execute_one(statement, scope);
    if (!flow && !flow.error().offset) flow.error().offset = statement.at;
    if (!flow || *flow != Flow::On) return flow;
  }
  return Flow::On;
}

Result<Evaluator::Flow> Evaluator::execute_one(const Statement& statement, const ScopePtr& scope) {
  switch (statement.kind) {
    case StatementKind::Data: {
      VITRINE_CHECK(write(statement.text));
      return Flow::On;
    }
    case StatementKind::Output: {
      VITRINE_TRY(const Value value, value_of(*statement.value, scope));
      VITRINE_TRY(const std::string text, printed(value, budget_));
      VITRINE_CHECK(write(text));
      return Flow::On;
    }
    case StatementKind::If: return execute_if(statement, scope);
    case StatementKind::For: return execute_for(statement, scope);
    case StatementKind::Set: {
      VITRINE_TRY(const Value value, value_of(*statement.value, scope));
      VITRINE_CHECK(assign(statement.targets, value, *scope));
      return Flow::On;
    }
    case StatementKind::SetBlock: {
      VITRINE_TRY(const ScopePtr inner, inside(scope));
      VITRINE_TRY(std::string text, captured(statement.body, inner));
      VITRINE_CHECK(assign(statement.targets, text_value(std::move(text)), *scope));
      return Flow::On;
    }
    case StatementKind::Macro: define_macro(statement, scope); return Flow::On;
    case StatementKind::With:
    case StatementKind::Plain: {
      VITRINE_TRY(const ScopePtr inner, inside(scope));
      for (const Parameter& p : statement.parameters) {
        VITRINE_TRY(inner->names[p.name], value_of(*p.otherwise, scope));
      }
      return execute(statement.body, inner);
    }
    case StatementKind::Break: return Flow::Break;
    case StatementKind::Continue: return Flow::Continue;
  }
  return Flow::On;
}

Result<Evaluator::Flow> Evaluator::execute_if(const Statement& statement, const ScopePtr& scope) {
  for (const auto& [condition, body] : statement.branches) {
    if (condition) {
      VITRINE_TRY(const Value value, value_of(*condition, scope));
      if (!truth_of(value)) continue;
    }
    return execute(body, scope);
  }
  return Flow::On;
}

Result<std::shared_ptr<const List>> Evaluator::gone_through(const Statement& statement, const ScopePtr& scope) {
  VITRINE_TRY(const Value value, value_of(*statement.value, scope));
  VITRINE_TRY(auto all, elements_of(value, budget_));
  if (!statement.condition) return all;
  std::vector<Value> some;
  for (const Value& item : all->items) {
    VITRINE_TRY(const ScopePtr inner, inside(scope));
    VITRINE_CHECK(assign(statement.targets, item, *inner));
    VITRINE_TRY(const Value wanted, value_of(*statement.condition, inner));
    if (truth_of(wanted)) some.push_back(item);
  }
  VITRINE_TRY(const Value list, list_value(std::move(some), budget_));
  return std::get<std::shared_ptr<const List>>(list.v);
}

Result<Evaluator::Flow> Evaluator::execute_for(const Statement& statement, const ScopePtr& scope) {
  VITRINE_TRY(const auto list, gone_through(statement, scope));
  for (std::size_t i = 0; i < list->items.size(); ++i) {
    VITRINE_CHECK(budget_.step());
    VITRINE_TRY(const ScopePtr inner, inside(scope));
    VITRINE_CHECK(assign(statement.targets, list->items[i], *inner));
    inner->names["loop"] = {std::make_shared<const Loop>(Loop{list, i})};
    VITRINE_TRY(const Flow flow, execute(statement.body, inner));
    if (flow == Flow::Break) break;
  }
  if (!list->items.empty()) return Flow::On;
  VITRINE_TRY(const ScopePtr inner, inside(scope));
  return execute(statement.otherwise, inner);
}

Status Evaluator::assign(const std::vector<std::string>& targets, const Value& value, Scope& scope) {
  if (targets.size() == 1) return assign_one(targets.front(), value, scope);
  VITRINE_TRY(const auto list, elements_of(value, budget_));
  if (list->items.size() != targets.size())
    return fail(ErrorCode::InvalidInput, fmt::format("expected {} values for as many names, came {}", targets.size(), list->items.size()));
  for (std::size_t i = 0; i < targets.size(); ++i) VITRINE_CHECK(assign_one(targets[i], list->items[i], scope));
  return {};
}

Status Evaluator::assign_one(const std::string& target, const Value& value, Scope& scope) {
  const std::size_t dot = target.find('.');
  if (dot == std::string::npos) {
    scope.names[target] = value;
    return {};
  }
  const Value* found = scope.find(std::string_view(target).substr(0, dot));
  if (found == nullptr || found->space() == nullptr)
    return fail(ErrorCode::InvalidInput, fmt::format("sets '{}', but only a namespace can be changed", printable(target, 60)));
  auto& items = found->space()->items;
  const std::string name = target.substr(dot + 1);
  VITRINE_CHECK(budget_.spend(items.size() * 16));
  for (auto& [key, item] : items)
    if (key == name) {
      const Value held = std::exchange(item, value);
      return {};
    }
  items.emplace_back(name, value);
  return {};
}

void Evaluator::define_macro(const Statement& statement, const ScopePtr& scope) {
  auto made = std::make_shared<Callable>();
  made->kind = Callable::Kind::Macro;
  made->name = statement.text;
  made->macro = &statement;
  made->scope = scope;
  scope->names[statement.text] = {std::shared_ptr<const Callable>(std::move(made))};
}

Result<Value> Evaluator::call_macro(const Callable& macro, const Arguments& arguments) {
  const ScopePtr around = macro.scope.lock();
  const auto& parameters = macro.macro->parameters;
  if (!around) return fail(ErrorCode::Unsupported, fmt::format("calls the macro '{}' outside of the block that made it", printable(macro.name, 60)));
  if (arguments.places.size() > parameters.size())
    return fail(ErrorCode::InvalidInput, fmt::format("the macro '{}' takes at most {} arguments, came {}", printable(macro.name, 60), parameters.size(), arguments.places.size()));
  for (const auto& [name, value] : arguments.named) {
    bool there = false;
    for (const Parameter& p : parameters) there = there || p.name == name;
    if (!there) return fail(ErrorCode::InvalidInput, fmt::format("the macro '{}' has no argument '{}'", printable(macro.name, 60), printable(name, 60)));
  }
  VITRINE_TRY(const ScopePtr inner, inside(around));
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const Value* given = arguments.find(i, parameters[i].name);
    Value value = given != nullptr ? *given : undefined_value(parameters[i].name);
    if (given == nullptr && parameters[i].otherwise) {
      VITRINE_TRY(value, value_of(*parameters[i].otherwise, inner));
    }
    inner->names[parameters[i].name] = std::move(value);
  }
  VITRINE_TRY(std::string text, captured(macro.macro->body, inner));
  return text_value(std::move(text));
}

Result<Value> Evaluator::make_namespace(const Arguments& arguments) {
  VITRINE_CHECK(budget_.spend(1024));
  auto made = std::make_shared<Namespace>();
  for (const Value& value : arguments.places) {
    if (value.dict() == nullptr) return wrong_type("an object for a namespace", value);
    for (const auto& [key, item] : value.dict()->items)
      if (key.text() != nullptr) made->items.emplace_back(*key.text(), item);
  }
  for (const auto& [name, value] : arguments.named) made->items.emplace_back(name, value);
  spaces_.push_back(made);
  return Value{std::move(made)};
}

Result<Value> Evaluator::call_function(const std::string& name, const Arguments& arguments) {
  if (name == "range") return range_of(arguments, budget_);
  if (name == "namespace") return make_namespace(arguments);
  if (name == "dict") {
    std::vector<std::pair<Value, Value>> items;
    if (!arguments.places.empty()) return fail(ErrorCode::Unsupported, "makes an object of another value with 'dict', which the interpreter does not do");
    for (const auto& [key, value] : arguments.named) items.emplace_back(text_value(key), value);
    return dict_value(std::move(items), budget_);
  }
  VITRINE_TRY(const std::string text, arguments.text(0, "text"));
  if (name == "raise_exception")
    return fail(ErrorCode::InvalidInput, fmt::format("the template refuses these messages: {}", printable(text, 300)));
  VITRINE_TRY(std::string date, date_text(date_, text));
  return text_value(std::move(date));
}

Result<Value> Evaluator::name_value(const std::string& name, const Scope& scope) const {
  if (const Value* found = scope.find(name)) return *found;
  const bool function = name == "range" || name == "namespace" || name == "dict" || name == "raise_exception" || (name == "strftime_now" && !date_.empty());
  if (!function) return undefined_value(name);
  auto made = std::make_shared<Callable>();
  made->name = name;
  return Value{std::shared_ptr<const Callable>(std::move(made))};
}

Result<Value> Evaluator::call(const Expression& e, const ScopePtr& scope) {
  VITRINE_TRY(const Value what, value_of(*e.parts[0], scope));
  VITRINE_TRY(const Arguments arguments, arguments_of(e, scope));
  const Callable* callable = what.callable();
  if (callable == nullptr) return wrong_type("a function to call", what);
  switch (callable->kind) {
    case Callable::Kind::Macro: return call_macro(*callable, arguments);
    case Callable::Kind::Method: return call_method(*callable, arguments, budget_);
    default: return call_function(callable->name, arguments);
  }
}

Result<Value> Evaluator::value_of(const Expression& e, const ScopePtr& scope) {
  const Level deeper(*this);
  Result<Value> value = Value{};
  if (const Status fits = deeper.check(); !fits) value = tl::unexpected(fits.error());
  else value = value_inside(e, scope);
  if (!value && !value.error().offset) value.error().offset = e.at;
  return value;
}

}  // namespace vitrine::engine::text::chat
