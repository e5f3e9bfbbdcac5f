#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "engine/core/error.h"
#include "engine/text/mapped_text.h"
#include "engine/text/normalizer.h"
#include "engine/text/vocabulary.h"

namespace vitrine::engine::text {

/// A token that is cut out of the text before anything else happens to it.
struct AddedToken {
  std::int64_t id = 0;
  std::string content;
  bool single_word = false;  ///< only where no word character touches it
  bool lstrip = false;       ///< takes the white space on its left
  bool rstrip = false;
  bool normalized = false;  ///< looked for in the normalised text
  bool special = false;
};

/// Finds the longest of many words at the leftmost place.
class WordFinder {
 public:
  void add(std::string_view word, std::size_t value);
  [[nodiscard]] bool empty() const { return values_.size() <= 1; }
  /// Longest word that begins at `at`, as its value and length; length 0 if none does.
  [[nodiscard]] std::pair<std::size_t, std::size_t> longest_at(std::string_view text,
                                                               std::size_t at) const;

 private:
  std::unordered_map<std::uint64_t, std::uint32_t> next_;
  std::vector<std::int64_t> values_ = {-1};
};

class AddedTokens {
 public:
  /// From the `added_tokens` of a tokenizer.json. Of tokens that are prefixes of each other the
  /// longest wins.
  /// @error FileFormat, FileLimit; every message says "added token"
  [[nodiscard]] static Result<AddedTokens> from_json(const nlohmann::json& list,
                                                     const Vocabulary& vocabulary,
                                                     const Normalizer& normalizer,
                                                     std::vector<std::string>& warnings);
  [[nodiscard]] static AddedTokens from_list(std::vector<AddedToken> tokens,
                                             const Normalizer& normalizer);

  /// Cuts added tokens out and normalises what lies between them.
  [[nodiscard]] std::vector<Piece> extract(MappedText text, const Normalizer& normalizer) const;

  /// nullptr if the id is not an added token.
  [[nodiscard]] const AddedToken* find(std::int64_t id) const;
  [[nodiscard]] std::int64_t id_of(std::string_view content) const;
  [[nodiscard]] std::int64_t largest_id() const {
    return by_id_.empty() ? -1 : by_id_.rbegin()->first;
  }

 private:
  void cut(MappedText&& text, const WordFinder& finder, std::vector<Piece>& out) const;
  [[nodiscard]] bool glued(std::string_view text, std::size_t begin, std::size_t end) const;

  std::vector<AddedToken> tokens_;
  std::map<std::int64_t, std::size_t> by_id_;
  std::map<std::string, std::size_t, std::less<>> by_content_;
  WordFinder verbatim_, normalized_;
};

}  // namespace vitrine::engine::text
