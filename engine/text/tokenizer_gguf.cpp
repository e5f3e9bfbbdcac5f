#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "engine/core/memory.h"
#include "engine/text/fields.h"
#include "engine/text/pipeline.h"
#include "engine/text/sentencepiece.h"

namespace vitrine::engine {
namespace {

using text::Fields;

constexpr std::int64_t kControl = 3;
constexpr std::int64_t kUserDefined = 4;

Result<std::vector<std::string>> texts(const nlohmann::json* list, const char* key) {
  if (list == nullptr || !list->is_array() || list->empty())
    return fail(ErrorCode::FileFormat, fmt::format("the GGUF metadata has no {}", key));
  std::vector<std::string> out;
  out.reserve(list->size());
  for (const auto& v : *list) {
    if (!v.is_string())
      return fail(ErrorCode::FileFormat, fmt::format("{}: expected entry {} to be a text, came {}",
                                                     key, out.size(), text::brief(v)));
    out.push_back(v.get<std::string>());
  }
  return out;
}

Result<std::vector<std::pair<std::string, std::string>>> merges_of(
    const std::vector<std::string>& lines) {
  std::vector<std::pair<std::string, std::string>> out;
  out.reserve(lines.size());
  for (const std::string& line : lines) {
    const std::size_t space = line.find(' ', 1);
    if (space == std::string::npos || space + 1 == line.size())
      return fail(
          ErrorCode::FileFormat,
          fmt::format("tokenizer.ggml.merges: expected merge {} to be two parts", out.size()));
    out.emplace_back(line.substr(0, space), line.substr(space + 1));
  }
  return out;
}

/// Control tokens are special; those and user-defined ones are found verbatim in the text.
Result<std::vector<text::AddedToken>> added_of(const nlohmann::json* types,
                                               const std::vector<std::string>& tokens) {
  std::vector<text::AddedToken> out;
  if (types == nullptr) return out;
  if (!types->is_array() || types->size() != tokens.size())
    return fail(ErrorCode::FileFormat,
                fmt::format("tokenizer.ggml.token_type: expected {} entries, came {}",
                            tokens.size(), types->size()));
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    std::int64_t type = 0;
    if (!text::whole_within((*types)[i], INT32_MIN, INT32_MAX, type))
      return fail(ErrorCode::FileFormat,
                  fmt::format("tokenizer.ggml.token_type: entry {} is not a whole number", i));
    if ((type != kControl && type != kUserDefined) || tokens[i].empty()) continue;
    text::AddedToken t;
    t.id = static_cast<std::int64_t>(i);
    t.content = tokens[i];
    t.special = type == kControl;
    out.push_back(std::move(t));
  }
  return out;
}

Status add_edges(const Fields& f, std::int64_t ids, text::Stages& s) {
  VITRINE_TRY(const bool add_bos, f.flag_or("tokenizer.ggml.add_bos_token", false));
  VITRINE_TRY(const bool add_eos, f.flag_or("tokenizer.ggml.add_eos_token", false));
  VITRINE_TRY(const std::int64_t bos, f.whole_or("tokenizer.ggml.bos_token_id", -1, 0, ids - 1));
  VITRINE_TRY(s.eos, f.whole_or("tokenizer.ggml.eos_token_id", -1, 0, ids - 1));
  VITRINE_TRY(s.pad, f.whole_or("tokenizer.ggml.padding_token_id", -1, 0, ids - 1));
  if (add_bos && bos < 0)
    s.warnings.emplace_back("tokenizer.ggml.add_bos_token is on, but there is no bos_token_id");
  for (auto* items : {&s.post.single, &s.post.pair}) {
    if (add_bos && bos >= 0) items->insert(items->begin(), {-1, {bos}, 0});
    if (add_eos && s.eos >= 0) items->push_back({-1, {s.eos}, 0});
  }
  return {};
}

/// Scores and types of a SentencePiece vocabulary, one a token.
Status read_pieces(const Fields& f, text::SentencePieceModel& model) {
  VITRINE_TRY(auto tokens, texts(f.find("tokenizer.ggml.tokens"), "tokenizer.ggml.tokens"));
  const auto* scores = f.find("tokenizer.ggml.scores");
  const auto* types = f.find("tokenizer.ggml.token_type");
  for (const auto& [list, key] :
       {std::pair{scores, "tokenizer.ggml.scores"}, std::pair{types, "tokenizer.ggml.token_type"}})
    if (list == nullptr || !list->is_array() || list->size() != tokens.size())
      return fail(ErrorCode::FileFormat,
                  fmt::format("{}: expected {} entries, came {}", key, tokens.size(),
                              list == nullptr ? "nothing" : text::brief(*list)));
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const auto& score = (*scores)[i];
    if (!score.is_number() || !std::isfinite(score.get<float>()))
      return fail(ErrorCode::FileFormat,
                  fmt::format("tokenizer.ggml.scores: expected entry {} to be a number, came {}", i,
                              text::brief(score)));
    std::int64_t type = 0;
    if (!text::whole_within((*types)[i], 1, 6, type))
      return fail(ErrorCode::FileFormat,
                  fmt::format("tokenizer.ggml.token_type: expected entry {} to be 1 to 6, came {}",
                              i, text::brief((*types)[i])));
    const auto kind = static_cast<text::PieceType>(type);
    model.byte_fallback = model.byte_fallback || kind == text::PieceType::Byte;
    model.pieces.push_back({std::move(tokens[i]), score.get<float>(), kind});
  }
  return {};
}

Result<std::string> charsmap_of(const Fields& f) {
  const char* key = "tokenizer.ggml.precompiled_charsmap";
  const auto* list = f.find(key);
  if (list == nullptr) return std::string();
  if (!list->is_array()) return f.wrong(key, "a list of bytes");
  std::string out;
  out.reserve(list->size());
  for (const auto& v : *list) {
    std::int64_t byte = 0;
    if (!text::whole_within(v, -128, 255, byte)) return f.wrong(key, "a list of bytes");
    out.push_back(static_cast<char>(static_cast<unsigned char>(byte & 0xFF)));
  }
  return out;
}

/// The spelling that the processor looks for, from the id that GGUF states instead.
Status name_control(const Fields& f, const char* key, text::SentencePieceModel& model,
                    std::string& spelling) {
  const auto last = static_cast<std::int64_t>(model.pieces.size()) - 1;
  VITRINE_TRY(const std::int64_t id, f.whole_or(key, -1, 0, last));
  if (id < 0) return {};
  text::SentencePiece& piece = model.pieces[static_cast<std::size_t>(id)];
  // Files without a padding token often name the unknown one.
  if (piece.type == text::PieceType::Unknown) return {};
  piece.type = text::PieceType::Control;
  spelling = piece.text;
  return {};
}

/// "llama" is SentencePiece BPE, "t5" is unigram. Control tokens in a text are ordinary text.
Result<std::shared_ptr<const Tokenizer>> build_pieces(const Fields& f, bool unigram) {
  text::SentencePieceModel model;
  model.kind =
      unigram ? text::SentencePieceModel::Kind::Unigram : text::SentencePieceModel::Kind::Bpe;
  VITRINE_CHECK(read_pieces(f, model));
  VITRINE_TRY(model.charsmap, charsmap_of(f));
  VITRINE_TRY(model.add_dummy_prefix, f.flag_or("tokenizer.ggml.add_space_prefix", true));
  VITRINE_TRY(model.remove_extra_whitespaces,
              f.flag_or("tokenizer.ggml.remove_extra_whitespaces", unigram));
  VITRINE_CHECK(name_control(f, "tokenizer.ggml.bos_token_id", model, model.bos_piece));
  VITRINE_CHECK(name_control(f, "tokenizer.ggml.eos_token_id", model, model.eos_piece));
  VITRINE_CHECK(name_control(f, "tokenizer.ggml.padding_token_id", model, model.pad_piece));
  VITRINE_TRY(const bool bos, f.flag_or("tokenizer.ggml.add_bos_token", !unigram));
  VITRINE_TRY(const bool eos, f.flag_or("tokenizer.ggml.add_eos_token", unigram));
  return text::sentencepiece_tokenizer(std::move(model), bos, eos, {});
}

Result<std::shared_ptr<const Tokenizer>> build(const nlohmann::json& metadata) {
  const Fields f(metadata, "GGUF metadata");
  VITRINE_CHECK(f.require_object());
  VITRINE_TRY(const std::string model, f.text("tokenizer.ggml.model"));
  if (model == "llama" || model == "t5") return build_pieces(f, model == "t5");
  if (model != "gpt2")
    return fail(ErrorCode::Unsupported,
                fmt::format("tokenizer.ggml.model is '{}'; only 'gpt2' (byte-level BPE), 'llama' "
                            "(SentencePiece BPE) and 't5' (unigram) can be read from GGUF",
                            model));
  VITRINE_TRY(auto tokens, texts(f.find("tokenizer.ggml.tokens"), "tokenizer.ggml.tokens"));
  VITRINE_TRY(const auto lines, texts(f.find("tokenizer.ggml.merges"), "tokenizer.ggml.merges"));
  VITRINE_TRY(const auto merges, merges_of(lines));
  VITRINE_TRY(auto added, added_of(f.find("tokenizer.ggml.token_type"), tokens));
  VITRINE_TRY(const std::string pre, f.text_or("tokenizer.ggml.pre", "gpt-2"));
  text::Stages s;
  const auto ids = static_cast<std::int64_t>(tokens.size());
  VITRINE_TRY(s.pre, text::PreTokenizer::from_gguf(pre == "default" ? "gpt-2" : pre));
  text::BpeOptions options;
  options.ignore_merges = pre == "llama-bpe" || pre == "llama3" || pre == "llama-v3";
  VITRINE_TRY(s.model, text::make_bpe(text::Vocabulary::from_list(std::move(tokens)), merges,
                                      options, s.warnings));
  s.added = text::AddedTokens::from_list(std::move(added), s.normalizer);
  VITRINE_CHECK(add_edges(f, ids, s));
  VITRINE_TRY(s.decoder, text::Decoder::from_json({{"type", "ByteLevel"}}, {}));
  return std::make_shared<const text::PipelineTokenizer>(std::move(s));
}

}  // namespace

Result<std::shared_ptr<const Tokenizer>> tokenizer_from_gguf(const nlohmann::json& metadata,
                                                             const std::string& file_name) {
  auto result = within_memory(file_name, [&] { return build(metadata); });
  if (!result && result.error().file.empty()) result.error().file = file_name;
  return result;
}

}  // namespace vitrine::engine
