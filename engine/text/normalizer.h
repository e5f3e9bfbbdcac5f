#pragma once

#include <functional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "engine/core/error.h"
#include "engine/text/mapped_text.h"

namespace vitrine::engine::text {

/// Rewrites a text before it is cut, keeping for every byte where it came from.
class Normalizer {
 public:
  using Step = std::function<MappedText(const MappedText&)>;

  /// From the `normalizer` of a tokenizer.json (null: nothing). Knows BertNormalizer, NFC, NFD,
  /// NFKC, NFKD, Lowercase, Strip, StripAccents, Replace, Prepend, Precompiled and Sequence.
  /// @error FileFormat, Unsupported (unknown type), FileLimit (Replace steps that would multiply
  /// the text)
  [[nodiscard]] static Result<Normalizer> from_json(const nlohmann::json& config);

  [[nodiscard]] MappedText apply(MappedText text) const;
  [[nodiscard]] bool empty() const { return steps_.empty(); }

 private:
  Status add(const nlohmann::json& config, int depth);
  Status add_bert(const nlohmann::json& config);
  Status add_replace(const nlohmann::json& config);

  std::vector<Step> steps_;
  double growth_ = 1;  ///< how many times longer the steps may make a text
};

}  // namespace vitrine::engine::text
