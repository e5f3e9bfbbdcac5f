#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "engine/core/error.h"
#include "engine/text/tokenizer.h"

namespace vitrine::engine::text {

/// One place of a template: a sequence (0 or 1) or tokens that the template adds.
struct TemplateItem {
  int sequence = -1;
  std::vector<std::int64_t> added;
  int segment = 0;
};

/// What is put around and between texts, and whether offsets lose their white space.
struct PostProcessor {
  std::vector<TemplateItem> single = {{0, {}, 0}};
  std::vector<TemplateItem> pair = {{0, {}, 0}, {1, {}, 1}};
  bool trim_offsets = false;
  bool keeps_prefix_space = false;  ///< the first token's space was added by the pre-tokenizer

  /// From the `post_processor` of a tokenizer.json (null: nothing is added). Knows
  /// TemplateProcessing, BertProcessing, RobertaProcessing, ByteLevel and Sequence.
  /// @param ids how many ids there are; a template id outside is refused
  [[nodiscard]] static Result<PostProcessor> from_json(const nlohmann::json& config,
                                                       std::int64_t ids);

  [[nodiscard]] std::int64_t added_tokens(bool is_pair) const;
  /// Fits the sequences in, with segments set. Without `add_special` only the sequences, in order.
  [[nodiscard]] std::vector<Token> assemble(const std::vector<std::vector<Token>>& sequences,
                                            bool add_special) const;
};

}  // namespace vitrine::engine::text
