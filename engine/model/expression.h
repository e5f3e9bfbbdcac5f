#pragma once

#include <functional>
#include <map>
#include <string>

#include <nlohmann/json.hpp>

#include "engine/core/error.h"

namespace vitrine::engine {

/// What names mean inside an architecture file: definitions made so far, then the configuration.
struct Scope {
  const nlohmann::json* config = nullptr;
  std::map<std::string, nlohmann::json> names;
  /// `dim('tensor', axis)`, `has('tensor')`, `count('prefix{i}suffix')`, ... besides the built-in min, max, int, round_up, len.
  std::map<std::string, std::function<Result<nlohmann::json>(const std::vector<nlohmann::json>&)>> functions;

  /// null if there is none. Dots descend; a key that contains the dots itself is found first (GGUF).
  [[nodiscard]] nlohmann::json lookup(const std::string& name) const;
};

/// Evaluates `a ?? b`, `c ? x : y`, || && == != < <= > >= + - * / % ! -, calls, [index], numbers, 'strings', names.
/// A missing name is null; arithmetic on null is an error. `/` of two integers that divide gives an integer.
/// @error FileFormat with the expression and what is wrong
[[nodiscard]] Result<nlohmann::json> evaluate(const std::string& expression, const Scope& scope);

/// Expands a template: strings "=expr" become values and "..${expr}.." text, `{"$if": e, "$then": x, "$else": y}` chooses
/// (an absent branch vanishes), `{"$for": "i", "$count": e, "$do": x}` inside a list repeats.
[[nodiscard]] Result<nlohmann::json> expand(const nlohmann::json& form, Scope& scope);

}  // namespace vitrine::engine
