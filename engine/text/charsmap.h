#pragma once

#include <cstdint>
#include <string>
#include <string_view>
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

  /// Replaces each grapheme (or, where that is not in the map, each code point) that the map holds.
  [[nodiscard]] MappedText apply(const MappedText& in) const;

 private:
  /// The replacement of the shortest key that begins `key`, as the original library takes it; false
  /// if none.
  bool lookup(std::string_view key, std::string_view& replacement) const;

  std::vector<std::uint32_t> trie_;
  std::string replacements_;
};

}  // namespace vitrine::engine::text
