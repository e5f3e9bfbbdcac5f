#include <charconv>

#include <fmt/format.h>

#include "engine/core/memory.h"
#include "engine/io/bytes.h"
#include "engine/io/json.h"
#include "engine/text/fields.h"
#include "engine/text/pipeline.h"
#include "engine/text/sentencepiece.h"
#include "engine/text/tokenizer_files.h"

namespace vitrine::engine {
namespace {

namespace fs = std::filesystem;
using Opened = Result<std::shared_ptr<const Tokenizer>>;
using nlohmann::json;

constexpr std::size_t kMaxFile = std::size_t{64} << 20;
constexpr std::size_t kMaxLine = 16384;

bool is_file_at(const fs::path& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored);
}

/// A file as UTF-8.
Result<std::string_view> text_of(const MappedFile& file) {
  if (file.size() > kMaxFile)
    return fail_file(ErrorCode::FileLimit, file.path(),
                     fmt::format("has {} bytes, the limit is {}", file.size(), kMaxFile));
  const std::string_view text = as_text(file.bytes());
  if (const auto bad = first_bad_utf8(text))
    return fail_file(ErrorCode::FileFormat, file.path(), "expected UTF-8 text", *bad);
  return text;
}

/// Lines without their ends; a last empty line does not count.
Result<std::vector<std::string>> lines_of(const MappedFile& file) {
  VITRINE_TRY(const std::string_view text, text_of(file));
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    if (end - at > kMaxLine)
      return fail_file(ErrorCode::FileLimit, file.path(),
                       fmt::format("line {} is {} bytes long, the limit is {}", lines.size() + 1,
                                   end - at, kMaxLine),
                       at);
    lines.emplace_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

Result<json> vocab_of_lines(const MappedFile& file) {
  VITRINE_TRY(const auto lines, lines_of(file));
  if (lines.empty()) return fail_file(ErrorCode::FileFormat, file.path(), "the vocab is empty");
  json vocab = json::object();
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const auto refuse = [&](const std::string& what) {
      return fail_file(ErrorCode::FileFormat, file.path(),
                       fmt::format("line {} {}", i + 1, what));
    };
    if (lines[i].empty()) return refuse("is blank, so that the ids after it would be doubtful");
    if (lines[i].find('\0') != std::string::npos) return refuse("holds a NUL byte");
    if (lines[i].back() == '\r') return refuse("ends in a carriage return (CR LF line ends)");
    if (vocab.contains(lines[i]))
      return refuse(fmt::format("is a duplicate of the token '{}'", lines[i]));
    vocab[lines[i]] = i;
  }
  return vocab;
}

/// @param id whatever the file says it is
json special(const json& id, const std::string& token) {
  return {{"id", id}, {"content", token}, {"special", true}, {"normalized", false}};
}

bool flag_in(const json& config, const char* key, bool otherwise) {
  if (!config.is_object()) return otherwise;
  const auto it = config.find(key);
  return it == config.end() || !it->is_boolean() ? otherwise : it->get<bool>();
}

/// The added tokens as tokenizer_config.json lists them, or those of the usual names in `vocab`.
json added_tokens(const json& vocab, const json& config, std::initializer_list<const char*> usual) {
  json list = json::array();
  const auto stated = config.is_object() ? config.find("added_tokens_decoder") : config.end();
  if (config.is_object() && stated != config.end() && stated->is_object()) {
    for (const auto& [key, value] : stated->items()) {
      json token = value;
      std::int64_t id = -1;
      const auto [end, code] = std::from_chars(key.data(), key.data() + key.size(), id);
      if (token.is_object())
        token["id"] = code == std::errc{} && end == key.data() + key.size() ? json(id) : json(key);
      list.push_back(std::move(token));
    }
    return list;
  }
  for (const char* token : usual)
    if (const auto id = vocab.find(token); id != vocab.end()) list.push_back(special(*id, token));
  return list;
}

/// What a BERT folder with only `vocab.txt` means.
json bert_file(const json& vocab, const json& config) {
  const bool lower = flag_in(config, "do_lower_case", true);
  json file = {{"version", "1.0"}};
  file["added_tokens"] =
      added_tokens(vocab, config, {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"});
  file["normalizer"] = {{"type", "BertNormalizer"},
                        {"clean_text", true},
                        {"handle_chinese_chars", flag_in(config, "tokenize_chinese_chars", true)},
                        {"lowercase", lower}};
  file["pre_tokenizer"] = {{"type", "BertPreTokenizer"}};
  file["decoder"] = {{"type", "WordPiece"}};
  file["model"] = {{"type", "WordPiece"}, {"vocab", vocab}};
  if (vocab.contains("[CLS]") && vocab.contains("[SEP]"))
    file["post_processor"] = {{"type", "BertProcessing"},
                              {"cls", {"[CLS]", vocab["[CLS]"]}},
                              {"sep", {"[SEP]", vocab["[SEP]"]}}};
  return file;
}

json bpe_model(const json& vocab, const std::vector<std::string>& lines) {
  json merges = json::array();
  for (std::size_t i = 0; i < lines.size(); ++i) {
    std::string line = lines[i];
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (line.empty() || (i == 0 && line.starts_with("#version"))) continue;
    merges.push_back(line);
  }
  return {{"type", "BPE"}, {"vocab", vocab}, {"merges", merges}};
}

/// What a folder with `vocab.json` and `merges.txt` means: CLIP by its start token, RoBERTa by <s>,
/// GPT-2 otherwise.
json bpe_file(const json& vocab, const std::vector<std::string>& lines, const json& config) {
  json file = {{"version", "1.0"}, {"model", bpe_model(vocab, lines)}};
  file["added_tokens"] =
      added_tokens(vocab, config,
                   {"<|startoftext|>", "<|endoftext|>", "<s>", "</s>", "<pad>", "<unk>", "<mask>"});
  const bool prefix = flag_in(config, "add_prefix_space", false);
  json bytes = {{"type", "ByteLevel"}, {"add_prefix_space", prefix}, {"trim_offsets", false}};
  file["pre_tokenizer"] = bytes;
  file["decoder"] = {{"type", "ByteLevel"}};
  if (vocab.contains("<|startoftext|>") && vocab.contains("<|endoftext|>")) {
    const json space = {{"type", "Replace"}, {"pattern", {{"Regex", R"(\s+)"}}}, {"content", " "}};
    file["normalizer"] = {
        {"type", "Sequence"},
        {"normalizers", json::array({{{"type", "NFC"}}, space, {{"type", "Lowercase"}}})}};
    bytes["add_prefix_space"] = false;
    const json words = {
        {"type", "Split"},
        {"behavior", "Removed"},
        {"invert", true},
        {"pattern", {{"Regex", R"('s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+)"}}}};
    file["pre_tokenizer"] = {{"type", "Sequence"}, {"pretokenizers", json::array({words, bytes})}};
    file["model"]["end_of_word_suffix"] = "</w>";
    file["model"]["unk_token"] = "<|endoftext|>";
    file["post_processor"] = {{"type", "RobertaProcessing"},
                              {"trim_offsets", false},
                              {"cls", {"<|startoftext|>", vocab["<|startoftext|>"]}},
                              {"sep", {"<|endoftext|>", vocab["<|endoftext|>"]}}};
  } else if (vocab.contains("<s>") && vocab.contains("</s>")) {
    file["post_processor"] = {{"type", "RobertaProcessing"},
                              {"add_prefix_space", prefix},
                              {"cls", {"<s>", vocab["<s>"]}},
                              {"sep", {"</s>", vocab["</s>"]}}};
  }
  return file;
}

Result<json> config_of(const fs::path& folder) {
  if (!is_file_at(folder / "tokenizer_config.json")) return json();
  return read_json_file(folder / "tokenizer_config.json");
}

}  // namespace

Opened tokenizer_from_vocab_txt(const MappedFile& file, const json& config) {
  VITRINE_TRY(const json vocab, vocab_of_lines(file));
  return tokenizer_from_json(bert_file(vocab, config), config, file.path());
}

Opened tokenizer_from_merges(const MappedFile& vocab, const MappedFile& merges, const json& config) {
  VITRINE_TRY(const std::string_view text, text_of(vocab));
  VITRINE_TRY(const json words, parse_json(text, vocab.path()));
  VITRINE_TRY(const auto lines, lines_of(merges));
  return tokenizer_from_json(bpe_file(words, lines, config), config, vocab.path());
}

Opened tokenizer_from_characters(const MappedFile& file) {
  VITRINE_TRY(const std::string_view text, text_of(file));
  VITRINE_TRY(const json vocab, parse_json(text, file.path()));
  text::Stages s;
  auto model = text::Vocabulary::from_json(vocab, s.warnings);
  if (!model) {
    model.error().file = file.path();
    return tl::unexpected(std::move(model.error()));
  }
  s.model = text::make_longest_match(std::move(*model));
  s.pad = s.model->vocabulary().id_of("<pad>");
  VITRINE_TRY(s.decoder, text::Decoder::from_json({{"type", "Fuse"}}, {}));
  return std::make_shared<const text::PipelineTokenizer>(std::move(s));
}

Opened tokenizer_from_model_file(const MappedFile& file, const json& config) {
  if (file.size() > kMaxFile)
    return fail_file(ErrorCode::FileLimit, file.path(),
                     fmt::format("has {} bytes, the limit is {}", file.size(), kMaxFile));
  std::vector<std::string> warnings;
  const auto build = [&]() -> Opened {
    VITRINE_TRY(auto model, text::read_sentencepiece(file.bytes(), warnings));
    const bool unigram = model.kind == text::SentencePieceModel::Kind::Unigram;
    return text::sentencepiece_tokenizer(std::move(model), flag_in(config, "add_bos_token", true),
                                         flag_in(config, "add_eos_token", unigram), warnings);
  };
  auto result = build();
  if (!result) result.error().file = file.path();
  return result;
}

namespace {

Opened open_at(const fs::path& where) {
  const bool is_file = is_file_at(where);
  const fs::path folder = is_file ? where.parent_path() : where;
  if (is_file && where.extension() == ".txt") {
    VITRINE_TRY(const auto lines, MappedFile::open(where));
    return tokenizer_from_vocab_txt(*lines, json());
  }
  const fs::path whole = is_file ? where : folder / "tokenizer.json";
  if (is_file_at(whole) && whole.extension() != ".model") {
    VITRINE_TRY(const json file, read_json_file(whole));
    VITRINE_TRY(const json config, config_of(folder));
    return tokenizer_from_json(file, config, whole.string());
  }
  VITRINE_TRY(const json config, config_of(folder));
  for (const fs::path& model : {is_file ? where : fs::path(), folder / "tokenizer.model", folder / "spiece.model"}) {
    if (!is_file_at(model)) continue;
    VITRINE_TRY(const auto file, MappedFile::open(model));
    return tokenizer_from_model_file(*file, config);
  }
  const fs::path words = folder / "vocab.json", merges = folder / "merges.txt",
                 lines = folder / "vocab.txt";
  if (is_file_at(words) && is_file_at(merges)) {
    VITRINE_TRY(const auto vocab, MappedFile::open(words));
    VITRINE_TRY(const auto pairs, MappedFile::open(merges));
    return tokenizer_from_merges(*vocab, *pairs, config);
  }
  if (is_file_at(lines)) {
    VITRINE_TRY(const auto file, MappedFile::open(lines));
    return tokenizer_from_vocab_txt(*file, config);
  }
  if (is_file_at(words)) {
    VITRINE_TRY(const auto file, MappedFile::open(words));
    return tokenizer_from_characters(*file);
  }
  return fail_file(
      ErrorCode::FileMissing, folder.string(),
      "has no tokenizer: expected tokenizer.json, tokenizer.model, spiece.model, vocab.txt, or "
      "vocab.json with merges.txt");
}

}  // namespace

Result<std::shared_ptr<const Tokenizer>> open_tokenizer(const fs::path& where) {
  return within_memory(where.native(), [&] { return open_at(where); });
}

}  // namespace vitrine::engine
