#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/text/unicode.h"

namespace vitrine::engine::text {

/// Bytes [begin, end) of the text the user gave.
struct Span {
  std::uint32_t begin = 0, end = 0;
};

/// A rewritten text in which every byte still knows which bytes of the user's text it stands for.
/// Memory: 9 bytes a byte. All bytes of one code point carry the same span.
struct MappedText {
  std::string text;         ///< valid UTF-8
  std::vector<Span> spans;  ///< one per byte of `text`

  /// Bad bytes become U+FFFD, one per maximal invalid part, and keep the span of the bad bytes.
  [[nodiscard]] static MappedText of(std::string_view original);
  void push(char32_t c, Span span);
  [[nodiscard]] MappedText slice(std::size_t begin, std::size_t end) const;
  /// From the first byte's beginning to the last byte's end; nothing at a place where begin == end.
  [[nodiscard]] Span span(std::size_t begin, std::size_t end) const;
  /// Rewrites the whole text; an inserted code point takes the span of the one before it.
  [[nodiscard]] MappedText rewritten(const std::vector<CharChange>& changes) const;
  /// Puts `prefix` before the text with the span of its first code point. Nothing happens to an
  /// empty text.
  void prepend(std::string_view prefix);
};

/// Part of a text between normalisation and the model; `token` >= 0 is an added token already
/// found.
struct Piece {
  MappedText text;
  std::int64_t token = -1;
};

}  // namespace vitrine::engine::text
