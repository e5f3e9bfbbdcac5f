#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/text/added_tokens.h"
#include "engine/text/charsmap.h"
#include "engine/text/sentencepiece.h"

namespace vitrine::engine::text {

/// The way of SentencePiece from a whole text to what is split, and from ids back to a text.
/// @source Kudo and Richardson 2018, arXiv:1808.06226
class SentencePieceText {
 public:
  /// @error FileFormat for a broken charsmap
  [[nodiscard]] static Result<SentencePieceText> make(SentencePieceModel model);

  /// Longest rule of the charsmap at each place, user-defined symbols left alone, spaces as U+2581.
  /// Every bad byte is one U+FFFD. A code point ends in the original where the next one begins.
  [[nodiscard]] MappedText normalise(std::string_view text) const;

  /// Control pieces are invisible, the unknown piece is its surface, byte pieces become characters.
  [[nodiscard]] std::string decode(const std::vector<std::int64_t>& ids) const;

 private:
  class Rewriter;

  SentencePieceModel model_;
  std::optional<Charsmap> charsmap_;
  WordFinder symbols_;
};

}  // namespace vitrine::engine::text
