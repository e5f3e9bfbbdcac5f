#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "engine/core/error.h"

namespace vitrine::engine::text::chat {

enum class TokenKind { Data, OutputBegin, OutputEnd, BlockBegin, BlockEnd, Name, Text, Whole, Float, Operator, End };

struct Lexeme {
  TokenKind kind = TokenKind::End;
  std::string text;      ///< of a text literal its value, else its spelling
  std::size_t at = 0;    ///< byte of the template
};

/// A template in lexemes, with the white space around tags already taken off: `-` strips, `+` keeps, a newline
/// behind a block or a comment is dropped, and so are the spaces between a line's start and a block.
/// @error FileFormat, Unsupported; the offset is a byte of the template
[[nodiscard]] Result<std::vector<Lexeme>> lexemes_of(std::string_view source);

}  // namespace vitrine::engine::text::chat
