#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/core/error.h"
#include "engine/text/mapped_text.h"

namespace vitrine::engine::text {

/// SentencePiece's `precompiled_charsmap`: a double-array trie of UTF-8 sequences and what replaces
/// them. Layout: u32 trie bytes, the trie as u32 units (Darts), then zero-terminated replacements.
/// @source Kudo and Richardson 2018, arXiv:1808.06226
class Charsmap {
 public:
  /// @error FileFormat if it is not base64 or the trie does not fit into the data
  [[nodiscard]] static Result<Charsmap> from_base64(std::string_view text);
  /// @error FileFormat if the trie does not fit, or points outside itself or the replacements
  [[nodiscard]] static Result<Charsmap> from_bytes(std::string_view bytes);

  /// Replaces each grapheme (or, where that is not in the map, each code point) that the map holds.
  [[nodiscard]] MappedText apply(const MappedText& in) const;

  /// The longest key that begins `text`, as its length and its replacement; length 0 if none does.
  [[nodiscard]] std::pair<std::size_t, std::string_view> longest(std::string_view text) const;

 private:
  /// The replacement of the shortest key that begins `key`, as the original library takes it; false
  /// if none.
  bool lookup(std::string_view key, std::string_view& replacement) const;

  std::vector<std::uint32_t> trie_;
  std::string replacements_;
};

}  // namespace vitrine::engine::text
