#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace vitrine::engine::text {

/// One code point read from UTF-8. A bad byte sequence gives U+FFFD once per maximal invalid part.
struct Decoded {
  char32_t c = 0;
  std::uint32_t bytes = 0;  ///< how many bytes it took, at least 1
  bool valid = true;
};

/// @param at smaller than `text.size()`
/// @source  Unicode 15, section 3.9, "U+FFFD substitution of maximal subparts"
[[nodiscard]] Decoded decode_utf8(std::string_view text, std::size_t at);
void append_utf8(std::string& out, char32_t c);
/// The same bytes with every bad part written as U+FFFD.
[[nodiscard]] std::string repair_utf8(std::string_view bytes);
[[nodiscard]] std::size_t count_code_points(std::string_view text);

[[nodiscard]] bool is_white_space(char32_t c);
[[nodiscard]] bool is_number(char32_t c);  ///< general category N
[[nodiscard]] bool is_word(char32_t c);    ///< what `\w` matches in a Unicode regular expression
[[nodiscard]] bool is_punctuation(char32_t c);  ///< ASCII punctuation or general category P
[[nodiscard]] bool is_nonspacing_mark(char32_t c);
[[nodiscard]] bool is_mark(char32_t c);           ///< general category M
[[nodiscard]] bool is_control(char32_t c);        ///< general categories Cc, Cf and Co
[[nodiscard]] bool is_visible(char32_t c);        ///< neither control, unassigned nor a separator
[[nodiscard]] bool is_cjk_ideograph(char32_t c);  ///< the blocks that BERT puts spaces around

/// A code point of a rewritten text: 0 replaces one code point of the old text, +1 was inserted
/// after the one before, -n replaces one and swallows the n that follow.
struct CharChange {
  char32_t c = 0;
  int change = 0;
};

enum class NormalForm { Nfc, Nfd, Nfkc, Nfkd };

/// @source Unicode Standard Annex 15
/// @cost   O(n), except O(m log m) for a run of m combining marks
[[nodiscard]] std::vector<CharChange> normal_form(std::string_view text, NormalForm form);

/// Full lower-casing of one code point without context (a final sigma is an ordinary sigma); at
/// most 2 code points.
struct Lower {
  char32_t c[2] = {0, 0};
  int count = 1;
};
[[nodiscard]] Lower to_lower(char32_t c);

}  // namespace vitrine::engine::text
