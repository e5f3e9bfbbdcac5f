#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/core/error.h"

namespace re2 {
class RE2;
}

namespace vitrine::engine::text {

/// A byte range of a text that did or did not match; consecutive ones cover the text.
struct Match {
  std::size_t begin = 0, end = 0;
  bool matched = false;
};

/// What splits or replaces: a literal, or a regular expression in the dialect of tokenizer files.
///
/// The dialect is Oniguruma's as far as tokenizers use it: classes with Unicode properties, `\s \d
/// \w` over Unicode, `(?i:...)`, and the one negative lookahead `\s+(?!\S)` as an alternative of
/// its own. It runs on RE2, so time is linear in the text. Other lookarounds, back references,
/// possessive and nested unbounded repetitions are refused.
class Pattern {
 public:
  [[nodiscard]] static Pattern literal(std::string text);
  /// @error Unsupported or FileFormat, naming `where` and what in the pattern cannot be used
  [[nodiscard]] static Result<Pattern> regex(std::string_view source, const std::string& where);

  /// Ranges in order that cover `text` without gaps. Empty matches are left out.
  [[nodiscard]] std::vector<Match> find(std::string_view text) const;
  /// Fewest bytes one match takes, as far as known; at least 1.
  [[nodiscard]] std::size_t least_bytes() const { return literal_.empty() ? 1 : literal_.size(); }

 private:
  std::string literal_;
  std::shared_ptr<const re2::RE2> regex_;
  bool has_tail_ = false;  ///< group 1 is the white space of `\s+(?!\S)`
};

enum class SplitBehaviour { Removed, Isolated, MergedWithPrevious, MergedWithNext, Contiguous };

[[nodiscard]] Result<SplitBehaviour> split_behaviour(const std::string& name,
                                                     const std::string& where);
/// Joins or drops ranges as the behaviour says; what is left becomes pieces.
[[nodiscard]] std::vector<Match> apply_behaviour(std::vector<Match> matches,
                                                 SplitBehaviour behaviour);

}  // namespace vitrine::engine::text
