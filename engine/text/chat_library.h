#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/text/chat_value.h"

/// What a template can use besides its own syntax. All of it are functions of their arguments.
namespace vitrine::engine::text::chat {

struct Arguments {
  std::vector<Value> places;
  std::vector<std::pair<std::string, Value>> named;

  /// The argument at that place or of that name; nullptr if there is none.
  [[nodiscard]] const Value* find(std::size_t place, std::string_view name) const;
  /// @error InvalidInput if there are more, or ones of other names
  [[nodiscard]] Status fit(std::string_view of, std::initializer_list<std::string_view> names) const;
  /// @error InvalidInput if it is of another type, or absent without `otherwise`
  [[nodiscard]] Result<std::string> text(std::size_t place, std::string_view name, const char* otherwise = nullptr) const;
  [[nodiscard]] Result<std::int64_t> whole(std::size_t place, std::string_view name, std::int64_t otherwise) const;
  [[nodiscard]] bool flag(std::size_t place, std::string_view name, bool otherwise = false) const;
};

[[nodiscard]] Result<Value> apply_filter(std::string_view name, const Value& subject, const Arguments& arguments, Budget& budget);
[[nodiscard]] Result<bool> apply_test(std::string_view name, const Value& subject, const Arguments& arguments, Budget& budget);
[[nodiscard]] Result<Value> call_method(const Callable& method, const Arguments& arguments, Budget& budget);

/// `range` and `dict`.
[[nodiscard]] Result<Value> range_of(const Arguments& arguments, Budget& budget);
/// `strftime_now(format)` at midnight of a day. @param date YYYY-MM-DD
[[nodiscard]] Result<std::string> date_text(std::string_view date, std::string_view format);

/// `a op b` of two values: `+ - * / // % **`. @error InvalidInput, Unsupported, DoesNotFit
[[nodiscard]] Result<Value> operate(std::string_view op, const Value& a, const Value& b, Budget& budget);

}  // namespace vitrine::engine::text::chat
