#pragma once

#include <charconv>
#include <string_view>

namespace vitrine::engine::text {

/// The byte that a piece "<0x00>" to "<0xFF>" stands for; -1 for any other spelling.
[[nodiscard]] inline int byte_of_piece(std::string_view piece) {
  if (piece.size() != 6 || !piece.starts_with("<0x") || piece.back() != '>') return -1;
  int value = 0;
  const char* digits = piece.data() + 3;
  const auto [end, code] = std::from_chars(digits, digits + 2, value, 16);
  return code == std::errc{} && end == digits + 2 && value >= 0 ? value : -1;
}

}  // namespace vitrine::engine::text
