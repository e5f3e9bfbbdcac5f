#include <algorithm>

#include <fmt/format.h>

#include "engine/text/fields.h"
#include "engine/text/subword_model.h"
#include "engine/text/unicode.h"

namespace vitrine::engine::text {
namespace {

class WordPiece final : public SubwordModel {
 public:
  WordPiece(Vocabulary vocabulary, std::int64_t unknown, std::string prefix, std::size_t max_word)
      : SubwordModel(std::move(vocabulary)),
        unknown_(unknown),
        prefix_(std::move(prefix)),
        max_word_(max_word) {}

  [[nodiscard]] std::string kind() const override { return "WordPiece"; }
  [[nodiscard]] std::string continuation() const override { return prefix_; }

  void split(std::string_view piece, std::vector<Part>& out) const override {
    const std::size_t before = out.size();
    if (count_code_points(piece) > max_word_ || !cover(piece, out)) {
      out.resize(before);
      out.push_back({unknown_, 0, piece.size()});
    }
  }

 private:
  bool cover(std::string_view piece, std::vector<Part>& out) const {
    std::string key;
    for (std::size_t at = 0; at < piece.size();) {
      const std::string& prefix = at == 0 ? empty_ : prefix_;
      std::size_t end = std::min(piece.size(), at + vocabulary().longest_bytes());
      std::int64_t id = -1;
      for (; end > at; --end) {
        const bool boundary =
            end == piece.size() || (static_cast<unsigned char>(piece[end]) & 0xC0) != 0x80;
        if (!boundary) continue;
        key.assign(prefix).append(piece.substr(at, end - at));
        id = vocabulary().id_of(key);
        if (id >= 0) break;
      }
      if (id < 0) return false;
      out.push_back({id, at, end});
      at = end;
    }
    return true;
  }

  std::int64_t unknown_;
  std::string prefix_, empty_;
  std::size_t max_word_;
};

class WordLevel final : public SubwordModel {
 public:
  WordLevel(Vocabulary vocabulary, std::int64_t unknown)
      : SubwordModel(std::move(vocabulary)), unknown_(unknown) {}

  [[nodiscard]] std::string kind() const override { return "WordLevel"; }

  void split(std::string_view piece, std::vector<Part>& out) const override {
    const std::int64_t id = vocabulary().id_of(piece);
    if (id >= 0 || unknown_ >= 0) out.push_back({id >= 0 ? id : unknown_, 0, piece.size()});
  }

 private:
  std::int64_t unknown_;
};

class LongestMatch final : public SubwordModel {
 public:
  using SubwordModel::SubwordModel;

  [[nodiscard]] std::string kind() const override { return "longest match"; }

  void split(std::string_view piece, std::vector<Part>& out) const override {
    for (std::size_t at = 0; at < piece.size();) {
      std::size_t length = std::min(piece.size() - at, vocabulary().longest_bytes());
      while (length > 0 && vocabulary().id_of(piece.substr(at, length)) < 0) --length;
      if (length > 0)
        out.push_back({vocabulary().id_of(piece.substr(at, length)), at, at + length});
      at += length > 0 ? length : decode_utf8(piece, at).bytes;
    }
  }
};

Result<Vocabulary> vocab_of(const Fields& f, std::vector<std::string>& warnings) {
  const auto* vocab = f.find("vocab");
  if (vocab == nullptr) return f.wrong("vocab", "an object");
  return Vocabulary::from_json(*vocab, warnings);
}

}  // namespace

Result<ModelPtr> make_word_piece(Vocabulary vocabulary, const std::string& unknown,
                                 const std::string& prefix, std::int64_t max_word) {
  const std::int64_t id = vocabulary.id_of(unknown);
  if (id < 0)
    return fail(ErrorCode::FileFormat,
                fmt::format("model WordPiece: the unk_token '{}' is not in the vocab", unknown));
  return std::make_unique<const WordPiece>(std::move(vocabulary), id, prefix,
                                           static_cast<std::size_t>(max_word));
}

Result<ModelPtr> word_piece_from_json(const nlohmann::json& config,
                                      std::vector<std::string>& warnings) {
  const Fields f(config, "model WordPiece");
  VITRINE_TRY(const std::string unknown, f.text_or("unk_token", "[UNK]"));
  VITRINE_TRY(const std::string prefix, f.text_or("continuing_subword_prefix", "##"));
  VITRINE_TRY(const std::int64_t max_word,
              f.whole_or("max_input_chars_per_word", 100, 0, 1'000'000));
  VITRINE_TRY(Vocabulary vocabulary, vocab_of(f, warnings));
  return make_word_piece(std::move(vocabulary), unknown, prefix, max_word);
}

Result<ModelPtr> word_level_from_json(const nlohmann::json& config,
                                      std::vector<std::string>& warnings) {
  const Fields f(config, "model WordLevel");
  VITRINE_TRY(const std::string unknown, f.text_or("unk_token", ""));
  VITRINE_TRY(Vocabulary vocabulary, vocab_of(f, warnings));
  const std::int64_t id = vocabulary.id_of(unknown);
  if (id < 0)
    warnings.push_back(fmt::format("model: the unk_token '{}' is not in the vocab", unknown));
  return std::make_unique<const WordLevel>(std::move(vocabulary), id);
}

ModelPtr make_longest_match(Vocabulary vocabulary) {
  return std::make_unique<const LongestMatch>(std::move(vocabulary));
}

Result<ModelPtr> model_from_json(const nlohmann::json& config, std::vector<std::string>& warnings) {
  const Fields f(config, "model");
  VITRINE_CHECK(f.require_object());
  VITRINE_TRY(std::string type, f.text_or("type", ""));
  if (type.empty()) {
    if (f.find("merges") != nullptr)
      type = "BPE";
    else if (f.find("unk_id") != nullptr)
      type = "Unigram";
    else if (f.find("max_input_chars_per_word") != nullptr)
      type = "WordPiece";
    else
      return fail(ErrorCode::FileFormat, "the model has no type, and no merges that would tell");
  }
  if (type == "BPE") return bpe_from_json(config, warnings);
  if (type == "WordPiece") return word_piece_from_json(config, warnings);
  if (type == "WordLevel") return word_level_from_json(config, warnings);
  if (type == "Unigram") return unigram_from_json(config, warnings);
  return fail(ErrorCode::Unsupported,
              "unknown model type '" + type + "'; there are BPE, WordPiece, WordLevel and Unigram");
}

}  // namespace vitrine::engine::text
