#pragma once

#include <memory>

#include <nlohmann/json_fwd.hpp>

#include "engine/io/mapped_file.h"
#include "engine/text/tokenizer.h"

namespace vitrine::engine {

/// The files of a tokenizer that are not `tokenizer.json`, each already read; `config` is
/// `tokenizer_config.json` or null.
///
/// Lines of a `vocab.txt` (WordPiece), the number of the line is the id.
/// @error FileFormat naming the line; FileLimit
[[nodiscard]] Result<std::shared_ptr<const Tokenizer>> tokenizer_from_vocab_txt(
    const MappedFile& file, const nlohmann::json& config);
/// `vocab.json` and `merges.txt` (byte-level BPE of GPT-2, RoBERTa and CLIP).
[[nodiscard]] Result<std::shared_ptr<const Tokenizer>> tokenizer_from_merges(
    const MappedFile& vocab, const MappedFile& merges, const nlohmann::json& config);
/// A `vocab.json` alone: the longest entry at each place.
[[nodiscard]] Result<std::shared_ptr<const Tokenizer>> tokenizer_from_characters(
    const MappedFile& file);
/// A SentencePiece `.model`. Whether BOS and EOS surround a text is not in it: `config` says it.
/// Without one, the families' habit holds: a model with BOS begins with it, a unigram model ends
/// in EOS.
[[nodiscard]] Result<std::shared_ptr<const Tokenizer>> tokenizer_from_model_file(
    const MappedFile& file, const nlohmann::json& config);

}  // namespace vitrine::engine
