#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/text/chat_value.h"

/// Texts as the templates' own language treats them: in code points, with its white space and spellings.
namespace vitrine::engine::text::chat {

/// One piece for each code point, and for each byte that is none.
[[nodiscard]] std::vector<std::string_view> characters_of(std::string_view text);
/// @cost linear in both lengths, whatever they hold
[[nodiscard]] std::size_t find_text(std::string_view text, std::string_view part, std::size_t from);

struct Sides {
  bool left = true, right = true;
};
/// @param of characters to take off; nullptr: white space
[[nodiscard]] std::string_view strip(std::string_view text, Sides sides, const std::string* of);
[[nodiscard]] std::string upper(std::string_view text);
[[nodiscard]] std::string lower(std::string_view text);
/// The first character large, the others small.
[[nodiscard]] std::string capitalised(std::string_view text);
/// @param after_letters false: every letter behind anything else is large (the method); true: only behind
///        white space and `-([{<` (the filter)
[[nodiscard]] std::string titled(std::string_view text, bool after_letters);
/// @param most at most so many cuts; negative: all
[[nodiscard]] std::vector<std::string_view> split(std::string_view text, const std::string* by, std::int64_t most, bool from_right);
[[nodiscard]] std::vector<std::string_view> split_lines(std::string_view text, bool keep_ends);
/// @error DoesNotFit
[[nodiscard]] Result<std::string> replaced(std::string_view text, std::string_view old, std::string_view by, std::int64_t most, Budget& budget);

/// What `{{ value }}` prints. @error InvalidInput for functions, loops and namespaces; DoesNotFit
[[nodiscard]] Result<std::string> printed(const Value& value, Budget& budget);

struct JsonStyle {
  int indent = -1;              ///< negative: one line
  bool sort_keys = false, ascii = false;
  std::string item = ", ", key = ": ";
};
/// @error InvalidInput for what JSON has no form of; DoesNotFit
[[nodiscard]] Result<std::string> json_of(const Value& value, const JsonStyle& style, Budget& budget);

/// Whether texts, lists and objects have a method of that name. @error Unsupported for one that is not in the subset
[[nodiscard]] Result<bool> has_method(const Value& value, std::string_view name);

}  // namespace vitrine::engine::text::chat
