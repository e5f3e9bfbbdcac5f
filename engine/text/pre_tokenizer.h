#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "engine/core/error.h"
#include "engine/text/mapped_text.h"
#include "engine/text/pattern.h"

namespace vitrine::engine::text {

/// Cuts a normalised text into the pieces that the model splits one by one.
class PreTokenizer {
 public:
  using Cut = std::function<std::vector<Match>(std::string_view)>;

  /// From the `pre_tokenizer` of a tokenizer.json (null: one piece). Knows BertPreTokenizer,
  /// ByteLevel, CharDelimiterSplit, Digits, Metaspace, Punctuation, Split, Whitespace,
  /// WhitespaceSplit and Sequence.
  /// @error FileFormat; Unsupported (unknown type, behaviour or pattern)
  [[nodiscard]] static Result<PreTokenizer> from_json(const nlohmann::json& config);
  /// The cut that a GGUF file names in `tokenizer.ggml.pre`, for byte-level vocabularies.
  /// @error Unsupported with the names that are known
  [[nodiscard]] static Result<PreTokenizer> from_gguf(const std::string& name);

  /// Pieces that are added tokens stay as they are; empty ones are dropped.
  void apply(std::vector<Piece>& pieces) const;
  /// Whether a step writes bytes in the GPT-2 alphabet.
  [[nodiscard]] bool byte_level() const { return byte_level_; }

 private:
  using Step = std::function<void(MappedText&&, std::vector<Piece>&)>;

  Status add(const nlohmann::json& config, int depth);
  Status add_split(const nlohmann::json& config);
  Status add_metaspace(const nlohmann::json& config);
  Status add_regex(std::string_view source);
  void add_cut(Cut cut);
  void add_bytes();

  std::vector<Step> steps_;
  bool byte_level_ = false;
};

}  // namespace vitrine::engine::text
