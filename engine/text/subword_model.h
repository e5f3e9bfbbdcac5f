#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "engine/core/error.h"
#include "engine/text/vocabulary.h"

namespace vitrine::engine::text {

/// One token of a piece: bytes [begin, end) of the piece.
struct Part {
  std::int64_t id = 0;
  std::size_t begin = 0, end = 0;
};

/// Splits one piece of text into tokens of a vocabulary. Immutable, thread safe.
class SubwordModel {
 public:
  explicit SubwordModel(Vocabulary vocabulary) : vocabulary_(std::move(vocabulary)) {}
  virtual ~SubwordModel() = default;

  /// Appends the tokens of `piece` (valid UTF-8) to `out`.
  virtual void split(std::string_view piece, std::vector<Part>& out) const = 0;
  [[nodiscard]] virtual std::string kind() const = 0;
  /// What ends a word inside a token ("</w>"), or nothing.
  [[nodiscard]] virtual std::string word_end() const { return {}; }
  /// What a token starts with that continues a word ("##"), or nothing.
  [[nodiscard]] virtual std::string continuation() const { return {}; }
  [[nodiscard]] const Vocabulary& vocabulary() const { return vocabulary_; }

 private:
  Vocabulary vocabulary_;
};

using ModelPtr = std::unique_ptr<const SubwordModel>;

/// From the `model` of a tokenizer.json: BPE, WordPiece, WordLevel or Unigram.
/// @error FileFormat, FileLimit, Unsupported; messages start with the part that is wrong
[[nodiscard]] Result<ModelPtr> model_from_json(const nlohmann::json& config,
                                               std::vector<std::string>& warnings);

struct BpeOptions {
  std::string unknown;  ///< empty: code points outside the vocabulary are dropped
  std::string continuing_prefix;
  std::string word_end;
  bool fuse_unknown = false;
  bool byte_fallback = false;  ///< unknown code points become <0xNN> tokens
  bool ignore_merges = false;  ///< a piece that is a token is taken whole
};

/// Byte-pair encoding. Merges apply lowest rank first, then leftmost.
/// @param merges pairs in order of rank; each pair and its result must be in the vocabulary
/// @error FileFormat naming the merge
/// @cost  O(n log n) per piece
/// @source Sennrich et al. 2016, arXiv:1508.07909
[[nodiscard]] Result<ModelPtr> make_bpe(
    Vocabulary vocabulary, const std::vector<std::pair<std::string, std::string>>& merges,
    BpeOptions options, std::vector<std::string>& warnings);
[[nodiscard]] Result<ModelPtr> bpe_from_json(const nlohmann::json& config,
                                             std::vector<std::string>& warnings);

/// Greedy longest match within a word; a word that cannot be covered is one unknown token.
/// @source Devlin et al. 2019, arXiv:1810.04805
[[nodiscard]] Result<ModelPtr> make_word_piece(Vocabulary vocabulary, const std::string& unknown,
                                               const std::string& prefix, std::int64_t max_word);
[[nodiscard]] Result<ModelPtr> word_piece_from_json(const nlohmann::json& config,
                                                    std::vector<std::string>& warnings);

/// A piece is a token or unknown.
[[nodiscard]] Result<ModelPtr> word_level_from_json(const nlohmann::json& config,
                                                    std::vector<std::string>& warnings);
/// The longest token at every position of a text without word boundaries; what matches nothing is
/// dropped.
[[nodiscard]] ModelPtr make_longest_match(Vocabulary vocabulary);

/// The split with the largest sum of scores.
/// @source Kudo 2018, arXiv:1804.10959
[[nodiscard]] Result<ModelPtr> unigram_from_json(const nlohmann::json& config,
                                                 std::vector<std::string>& warnings);

/// Ids of <0x00> to <0xFF>; empty unless all 256 are there.
[[nodiscard]] std::vector<std::int64_t> byte_tokens(const Vocabulary& vocabulary);

}  // namespace vitrine::engine::text
