#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/text/added_tokens.h"
#include "engine/text/decoder.h"
#include "engine/text/normalizer.h"
#include "engine/text/post_processor.h"
#include "engine/text/pre_tokenizer.h"
#include "engine/text/sentencepiece_text.h"
#include "engine/text/subword_model.h"
#include "engine/text/tokenizer.h"

namespace vitrine::engine::text {

/// The stages of a tokenizer, in the order in which a text passes them.
struct Stages {
  AddedTokens added;
  Normalizer normalizer;
  PreTokenizer pre;
  ModelPtr model;
  PostProcessor post;
  Decoder decoder;
  /// Where there, it takes the place of added tokens, normaliser, pre-tokenizer and decoder.
  std::unique_ptr<const SentencePieceText> pieces;
  std::int64_t pad = -1, eos = -1, max_length = 0;
  std::vector<std::string> warnings;
};

/// Added tokens, normaliser, pre-tokenizer, model, template; and back.
class PipelineTokenizer final : public Tokenizer {
 public:
  explicit PipelineTokenizer(Stages stages) : s_(std::move(stages)) {}

  Result<Encoding> encode(std::string_view text, bool add_special) const override;
  Result<Encoding> encode_pair(std::string_view a, std::string_view b,
                               bool add_special) const override;
  Result<Encoding> encode_within(std::string_view a, std::optional<std::string_view> b,
                                 std::int64_t max_tokens, bool add_special) const override;
  std::string decode(const std::vector<std::int64_t>& ids, bool skip_special) const override;
  std::string token(std::int64_t id) const override;
  std::string display(std::int64_t id) const override;
  std::int64_t id_of(std::string_view token) const override;
  std::int64_t vocab_size() const override;
  std::int64_t pad_id() const override { return s_.pad; }
  std::int64_t eos_id() const override { return s_.eos; }
  std::int64_t max_length() const override { return s_.max_length; }
  std::string kind() const override;
  const std::vector<std::string>& warnings() const override { return s_.warnings; }

 private:
  std::vector<Piece> cut(std::string_view text) const;
  Result<std::vector<Token>> tokens_of(std::string_view text) const;
  void trim_offsets(std::vector<Token>& tokens) const;

  Stages s_;
};

}  // namespace vitrine::engine::text
