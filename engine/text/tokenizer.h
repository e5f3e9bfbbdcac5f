#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "engine/core/error.h"

namespace vitrine::engine {

/// One token and the bytes of the text that it stands for.
struct Token {
  std::int64_t id = 0;
  std::int64_t begin = 0,
               end = 0;  ///< byte range in the text it came from; empty for added specials
  int segment = 0;       ///< 0 first text, 1 second text (token_type_ids)
  bool special = false;  ///< added by the template, not found in the text
};

struct Encoding {
  std::vector<Token> tokens;
  bool truncated = false;
};

/// Text to ids and back, as the model's own files say. Immutable, thread safe.
class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  /// @param text       UTF-8; bad bytes are treated as the original library treats them
  /// @param add_special whether [CLS], </s>, ... of the template are added
  [[nodiscard]] virtual Result<Encoding> encode(std::string_view text,
                                                bool add_special = true) const = 0;
  /// A text pair with the pair template; byte ranges refer to the text of their segment.
  [[nodiscard]] virtual Result<Encoding> encode_pair(std::string_view a, std::string_view b,
                                                     bool add_special = true) const = 0;
  /// The same for one text or a pair, cut to at most `max_tokens` with the template's own tokens
  /// counted; of a pair the longer one is cut first. Lengths stored in the tokenizer's files are
  /// not used.
  /// @error InvalidInput if the template alone needs more than `max_tokens`
  [[nodiscard]] virtual Result<Encoding> encode_within(std::string_view a,
                                                       std::optional<std::string_view> b,
                                                       std::int64_t max_tokens,
                                                       bool add_special = true) const = 0;
  [[nodiscard]] virtual std::string decode(const std::vector<std::int64_t>& ids,
                                           bool skip_special = false) const = 0;
  /// The vocabulary's own spelling ("Ġthe", "##ing"); empty for an id that does not exist.
  [[nodiscard]] virtual std::string token(std::int64_t id) const = 0;
  /// What a person should read on a chip (" the", "ing"); control characters made visible.
  [[nodiscard]] virtual std::string display(std::int64_t id) const = 0;
  /// -1 if there is none of that spelling.
  [[nodiscard]] virtual std::int64_t id_of(std::string_view token) const = 0;
  [[nodiscard]] virtual std::int64_t vocab_size() const = 0;
  [[nodiscard]] virtual std::int64_t pad_id() const = 0;  ///< -1 if none
  [[nodiscard]] virtual std::int64_t eos_id() const = 0;
  [[nodiscard]] virtual std::int64_t max_length() const = 0;  ///< 0 if the files state none
  [[nodiscard]] virtual std::string kind() const = 0;  ///< "WordPiece", "byte-level BPE", ...
  /// Anything a user must see although the files opened; each names the part of the file.
  [[nodiscard]] virtual const std::vector<std::string>& warnings() const = 0;
};

/// Finds and opens the tokenizer of a model folder: `tokenizer.json`, then `tokenizer.model` or
/// `spiece.model` (SentencePiece), `vocab.json` + `merges.txt`, `vocab.txt`, `vocab.json` alone
/// (longest match). A path of a `.json`, `.model` or `.txt` file itself is taken as well.
/// @error FileMissing if the folder has none
[[nodiscard]] Result<std::shared_ptr<const Tokenizer>> open_tokenizer(
    const std::filesystem::path& folder);

/// From the text of a `tokenizer.json`; `config` is `tokenizer_config.json` or null.
[[nodiscard]] Result<std::shared_ptr<const Tokenizer>> tokenizer_from_json(
    const nlohmann::json& tokenizer, const nlohmann::json& config, const std::string& file_name);

/// From GGUF metadata (`tokenizer.ggml.*`).
[[nodiscard]] Result<std::shared_ptr<const Tokenizer>> tokenizer_from_gguf(
    const nlohmann::json& metadata, const std::string& file_name);

}  // namespace vitrine::engine
