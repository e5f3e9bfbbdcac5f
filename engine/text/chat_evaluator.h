#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "engine/text/chat_library.h"
#include "engine/text/chat_syntax.h"

namespace vitrine::engine::text::chat {

/// Names and what they stand for; an inner one sees what is around it and does not change it.
struct Scope {
  std::map<std::string, Value, std::less<>> names;
  std::shared_ptr<const Scope> around;
  int level = 0;
  [[nodiscard]] const Value* find(std::string_view name) const;
};

/// Runs one template once.
class Evaluator {
 public:
  /// @param date YYYY-MM-DD, or empty: `strftime_now` is not defined
  Evaluator(const ChatLimits& limits, std::string date) : budget_(limits), date_(std::move(date)) {}
  ~Evaluator();
  Evaluator(const Evaluator&) = delete;
  Evaluator& operator=(const Evaluator&) = delete;

  /// @error with the byte of the template as offset
  [[nodiscard]] Result<std::string> run(const Body& body, const nlohmann::ordered_json& variables);

 private:
  enum class Flow { On, Break, Continue };
  using ScopePtr = std::shared_ptr<Scope>;
  class Level;

  [[nodiscard]] Result<ScopePtr> inside(const ScopePtr& scope) const;
  Status write(std::string_view text);
  Result<Flow> execute(const Body& body, const ScopePtr& scope);
  Result<Flow> execute_one(const Statement& statement, const ScopePtr& scope);
  Result<Flow> execute_if(const Statement& statement, const ScopePtr& scope);
  Result<Flow> execute_for(const Statement& statement, const ScopePtr& scope);
  Result<std::shared_ptr<const List>> gone_through(const Statement& statement, const ScopePtr& scope);
  Result<std::string> captured(const Body& body, const ScopePtr& scope);
  Status assign(const std::vector<std::string>& targets, const Value& value, Scope& scope);
  Status assign_one(const std::string& target, const Value& value, Scope& scope);
  void define_macro(const Statement& statement, const ScopePtr& scope);

  Result<Value> value_of(const Expression& e, const ScopePtr& scope);
  Result<Value> value_inside(const Expression& e, const ScopePtr& scope);
  Result<std::vector<Value>> values_of(const Expression& e, std::size_t from, const ScopePtr& scope);
  Result<Value> name_value(const std::string& name, const Scope& scope) const;
  Result<Value> dict_literal(const Expression& e, const ScopePtr& scope);
  Result<Value> either(const Expression& e, const ScopePtr& scope);
  Result<Value> signed_value(const Expression& e, const ScopePtr& scope);
  Result<Value> binary(const Expression& e, const ScopePtr& scope);
  Result<Value> comparison(const Expression& e, const ScopePtr& scope);
  Result<Value> concatenation(const Expression& e, const ScopePtr& scope);
  Result<Value> conditional(const Expression& e, const ScopePtr& scope);
  Result<Value> slice(const Expression& e, const ScopePtr& scope);
  Result<Arguments> arguments_of(const Expression& e, const ScopePtr& scope);
  Result<Value> call(const Expression& e, const ScopePtr& scope);
  Result<Value> call_function(const std::string& name, const Arguments& arguments);
  Result<Value> call_macro(const Callable& macro, const Arguments& arguments);
  Result<Value> make_namespace(const Arguments& arguments);

  Budget budget_;
  std::string date_;
  std::string* out_ = nullptr;
  int depth_ = 0;
  std::vector<std::shared_ptr<Namespace>> spaces_;   ///< all of them: they may hold one another
};

}  // namespace vitrine::engine::text::chat
