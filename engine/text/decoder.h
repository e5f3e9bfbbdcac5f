#pragma once

#include <functional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "engine/core/error.h"

namespace vitrine::engine::text {

/// Turns the spellings of tokens back into text.
class Decoder {
 public:
  /// From the `decoder` of a tokenizer.json (null: spellings joined by spaces). Knows ByteLevel,
  /// WordPiece, BPEDecoder, Metaspace, ByteFallback, Fuse, Strip, Replace and Sequence.
  /// @param word_end the model's end-of-word mark, which a ByteLevel decoder turns into a space
  /// @error FileFormat, Unsupported naming the decoder
  [[nodiscard]] static Result<Decoder> from_json(const nlohmann::json& config,
                                                 const std::string& word_end);

  [[nodiscard]] std::string apply(std::vector<std::string> tokens) const;

 private:
  using Step = std::function<std::vector<std::string>(std::vector<std::string>)>;
  Status add(const nlohmann::json& config, const std::string& word_end, int depth);
  Status add_text_step(const std::string& type, const nlohmann::json& config);

  std::vector<Step> steps_;
};

}  // namespace vitrine::engine::text
