#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/text/chat_lexer.h"
#include "engine/text/chat_value.h"

namespace vitrine::engine::text::chat {

enum class ExpressionKind {
  Literal, Name, List, Tuple, Dict, Not, Negate, Plus, And, Or, Binary, Compare, Concat, Conditional,
  Attribute, Item, Slice, Call, Filter, Test,
};

struct Expression;
using ExpressionPtr = std::unique_ptr<const Expression>;

/// A part of an expression. What `parts` are depends on the kind: operands; the object, then arguments or bounds
/// (null where left out); keys and values by turns; value, condition, other value.
struct Expression {
  ExpressionKind kind = ExpressionKind::Literal;
  std::size_t at = 0;
  int depth = 1;
  Value literal;
  std::string name;                                           ///< of a name, attribute, filter, test or operator
  std::vector<std::string> operators;                         ///< of a comparison
  std::vector<ExpressionPtr> parts;
  std::vector<std::pair<std::string, ExpressionPtr>> named;   ///< arguments with a name
};

enum class StatementKind { Data, Output, If, For, Set, SetBlock, Macro, With, Plain, Break, Continue };

struct Statement;
using Body = std::vector<Statement>;

struct Parameter {
  std::string name;
  ExpressionPtr otherwise;   ///< null: none
};

struct Statement {
  StatementKind kind = StatementKind::Data;
  std::size_t at = 0;
  std::string text;                                          ///< of data; of a macro its name
  std::vector<std::string> targets;                          ///< names that are set; `ns.name` with a dot
  ExpressionPtr value;                                       ///< printed, set, or gone through
  ExpressionPtr condition;                                   ///< of a `for` with `if`
  std::vector<std::pair<ExpressionPtr, Body>> branches;      ///< of `if`; a null condition is `else`
  Body body, otherwise;
  std::vector<Parameter> parameters;                         ///< of a macro; of `with`
};

/// @error FileFormat, Unsupported, FileLimit (nesting); the offset is a byte of the template
[[nodiscard]] Result<Body> parse_template(const std::vector<Lexeme>& lexemes);

/// The filters, tests and functions that there are.
[[nodiscard]] bool known_filter(std::string_view name);
[[nodiscard]] bool known_test(std::string_view name);

}  // namespace vitrine::engine::text::chat
