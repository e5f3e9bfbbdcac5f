#include "engine/text/tokenizer.h"

#include <gtest/gtest.h>

#include "tests/unit/text/text_golden.h"

namespace vitrine::engine {
namespace {

using nlohmann::json;

std::vector<std::int64_t> ids_of(const Tokenizer& t, std::string_view text, bool special = true) {
  std::vector<std::int64_t> out;
  const auto encoding = t.encode(text, special);
  EXPECT_TRUE(encoding);
  if (encoding)
    for (const Token& token : encoding->tokens) out.push_back(token.id);
  return out;
}

/// GGUF metadata of a tiny byte-level vocabulary: space is U+0120 as in GPT-2.
json tiny_gguf() {
  return {{"tokenizer.ggml.model", "gpt2"},
          {"tokenizer.ggml.pre", "smollm"},
          {"tokenizer.ggml.tokens",
           {"<|im_start|>", "a", "b", "1", "2", "\u0120", "ab", "\u0120ab", "12", "\u0120\u0120",
            "\u00C3"}},
          {"tokenizer.ggml.token_type", {3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}},
          {"tokenizer.ggml.merges", {"a b", "\u0120 ab", "1 2", "\u0120 \u0120"}},
          {"tokenizer.ggml.bos_token_id", 0},
          {"tokenizer.ggml.eos_token_id", 0}};
}

TEST(GgufTokenizer, CutsDigitsAloneAndFindsControlTokensVerbatim) {
  const auto t = tokenizer_from_gguf(tiny_gguf(), "x.gguf");
  ASSERT_TRUE(t) << t.error().message;
  EXPECT_EQ(ids_of(**t, "ab ab12"), (std::vector<std::int64_t>{6, 7, 3, 4}));
  EXPECT_EQ(ids_of(**t, "<|im_start|>ab"), (std::vector<std::int64_t>{0, 6}));
  EXPECT_EQ(ids_of(**t, "a  1"), (std::vector<std::int64_t>{1, 9, 3}));
  EXPECT_EQ((*t)->decode({0, 6, 7}, true), "ab ab");
  EXPECT_EQ((*t)->display(7), " ab");
  EXPECT_EQ((*t)->display(10), "<C3>");
}

TEST(GgufTokenizer, AddsBosOnlyWhereTheFileSaysSo) {
  json metadata = tiny_gguf();
  metadata["tokenizer.ggml.add_bos_token"] = true;
  const auto t = tokenizer_from_gguf(metadata, "x.gguf");
  ASSERT_TRUE(t);
  EXPECT_EQ(ids_of(**t, "ab"), (std::vector<std::int64_t>{0, 6}));
  EXPECT_EQ(ids_of(**t, "ab", false), (std::vector<std::int64_t>{6}));
}

TEST(GgufTokenizer, RefusesWhatItCannotRead) {
  json metadata = tiny_gguf();
  metadata["tokenizer.ggml.pre"] = "martian";
  const auto unknown = tokenizer_from_gguf(metadata, "x.gguf");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, ErrorCode::Unsupported);
  EXPECT_NE(unknown.error().message.find("martian"), std::string::npos);
  metadata = tiny_gguf();
  metadata["tokenizer.ggml.token_type"] = {1, 2};
  EXPECT_FALSE(tokenizer_from_gguf(metadata, "x.gguf"));
  metadata = tiny_gguf();
  metadata["tokenizer.ggml.merges"] = {"a z"};
  EXPECT_FALSE(tokenizer_from_gguf(metadata, "x.gguf"));
  EXPECT_FALSE(tokenizer_from_gguf(json::array(), "x.gguf"));
}

/// GGUF metadata of a tiny SentencePiece vocabulary whose padding token is the unknown one.
json tiny_llama() {
  return {{"tokenizer.ggml.model", "llama"},
          {"tokenizer.ggml.tokens", {"<unk>", "<s>", "</s>", "\u2581a", "a", "b", "\u2581"}},
          {"tokenizer.ggml.scores", {0, 0, 0, -1.5, -2, -3, -4}},
          {"tokenizer.ggml.token_type", {2, 3, 3, 1, 1, 1, 1}},
          {"tokenizer.ggml.bos_token_id", 1},
          {"tokenizer.ggml.eos_token_id", 2},
          {"tokenizer.ggml.padding_token_id", 0}};
}

TEST(GgufPieces, AreReadWithTheFamilysHabits) {
  const auto t = tokenizer_from_gguf(tiny_llama(), "x.gguf");
  ASSERT_TRUE(t) << t.error().message;
  EXPECT_EQ(ids_of(**t, "ab?"), (std::vector<std::int64_t>{1, 3, 5, 0}));
  EXPECT_EQ((*t)->decode({1, 3, 5}), "ab");
  EXPECT_EQ((*t)->eos_id(), 2);
  EXPECT_EQ((*t)->pad_id(), -1);
}

TEST(GgufPieces, AreRefusedInWordsThatNameTheList) {
  const std::vector<std::pair<const char*, json>> wrong = {
      {"tokenizer.ggml.scores", {0, 0, 0}},
      {"tokenizer.ggml.scores", {0, 0, 0, "x", -2, -3, -4}},
      {"tokenizer.ggml.scores", {0, 0, 0, 1e300, -2, -3, -4}},
      {"tokenizer.ggml.token_type", {2, 3, 3, 1, 1, 1, 99}},
      {"tokenizer.ggml.token_type", {2, 3, 3, 1, 1, 1}},
      {"tokenizer.ggml.precompiled_charsmap", {1, 2, 300}},
      {"tokenizer.ggml.bos_token_id", 7},
      {"tokenizer.ggml.tokens", json::array()}};
  for (const auto& [key, value] : wrong) {
    json metadata = tiny_llama();
    metadata[key] = value;
    const auto t = tokenizer_from_gguf(metadata, "x.gguf");
    ASSERT_FALSE(t) << key << value;
    EXPECT_NE(t.error().message.find(key), std::string::npos) << t.error().message;
  }
  json doubled = tiny_llama();
  doubled["tokenizer.ggml.tokens"][5] = "a";
  EXPECT_FALSE(tokenizer_from_gguf(doubled, "x.gguf"));
}

json word_level() {
  return {{"version", "1.0"},
          {"pre_tokenizer", {{"type", "Whitespace"}}},
          {"post_processor",
           {{"type", "TemplateProcessing"},
            {"single",
             {{{"SpecialToken", {{"id", "<s>"}, {"type_id", 0}}}},
              {{"Sequence", {{"id", "A"}, {"type_id", 0}}}}}},
            {"pair",
             {{{"Sequence", {{"id", "A"}, {"type_id", 0}}}},
              {{"Sequence", {{"id", "B"}, {"type_id", 1}}}}}},
            {"special_tokens", {{"<s>", {{"id", "<s>"}, {"ids", {3}}, {"tokens", {"<s>"}}}}}}}},
          {"model",
           {{"type", "WordLevel"},
            {"unk_token", "<unk>"},
            {"vocab", {{"<unk>", 0}, {"cat", 1}, {"sat", 2}, {"<s>", 3}, {".", 4}}}}}};
}

TEST(WordLevelTokenizer, PointsEveryTokenAtItsBytes) {
  const auto t = tokenizer_from_json(word_level(), json(), "x");
  ASSERT_TRUE(t) << t.error().message;
  const auto e = (*t)->encode("  cat \xFF s\xC3\xA4t.");
  ASSERT_TRUE(e);
  ASSERT_EQ(e->tokens.size(), 5u);
  EXPECT_TRUE(e->tokens[0].special);
  EXPECT_EQ(e->tokens[1].begin, 2);
  EXPECT_EQ(e->tokens[1].end, 5);
  EXPECT_EQ(e->tokens[2].begin, 6) << "a bad byte is one unknown character of one byte";
  EXPECT_EQ(e->tokens[2].end, 7);
  EXPECT_EQ(e->tokens[3].begin, 8);
  EXPECT_EQ(e->tokens[3].end, 12);
  EXPECT_EQ(e->tokens[4].id, 4);
  EXPECT_EQ((*t)->decode({1, 2}), "cat sat");
}

TEST(WordLevelTokenizer, IgnoresStoredTruncationAndObeysTheCaller) {
  json file = word_level();
  file["truncation"] = {
      {"max_length", 2}, {"stride", 0}, {"strategy", "LongestFirst"}, {"direction", "Right"}};
  const auto t = tokenizer_from_json(file, json(), "x");
  ASSERT_TRUE(t);
  EXPECT_EQ(ids_of(**t, "cat cat cat cat").size(), 5u);
  const auto cut = (*t)->encode_within("cat cat cat cat", std::nullopt, 3);
  ASSERT_TRUE(cut);
  EXPECT_EQ(cut->tokens.size(), 3u);
  EXPECT_TRUE(cut->truncated);
  const auto pair = (*t)->encode_within("cat cat cat cat", "sat sat", 5);
  ASSERT_TRUE(pair);
  ASSERT_EQ(pair->tokens.size(), 5u);
  EXPECT_EQ(pair->tokens[2].id, 1) << "the longer text keeps three tokens";
  EXPECT_EQ(pair->tokens[3].id, 2);
  EXPECT_FALSE((*t)->encode_within("cat", std::nullopt, 0));
}

TEST(Tokenizer, ReadsWhatTheConfigurationSays) {
  const json config = {
      {"pad_token", "<unk>"}, {"eos_token", {{"content", "."}}}, {"model_max_length", 77}};
  const auto t = tokenizer_from_json(word_level(), config, "x");
  ASSERT_TRUE(t);
  EXPECT_EQ((*t)->pad_id(), 0);
  EXPECT_EQ((*t)->eos_id(), 4);
  EXPECT_EQ((*t)->max_length(), 77);
  const auto endless = tokenizer_from_json(word_level(), {{"model_max_length", 1e30}}, "x");
  ASSERT_TRUE(endless);
  EXPECT_EQ((*endless)->max_length(), 0);
}

/// A long word of one character merges into tokens in about n log n steps.
TEST(Tokenizer, IsQuickOnALongWordAndALongBlank) {
  const auto folder = test::golden_files() / "tokenizers/bpe_gpt2";
  const auto t = open_tokenizer(folder);
  ASSERT_TRUE(t) << sentence(t.error());
  for (const char c : {'a', ' ', '\n', '<'}) {
    const auto e = (*t)->encode(std::string(400000, c));
    ASSERT_TRUE(e);
    EXPECT_EQ(e->tokens.back().end, 400000);
  }
}

TEST(OpenTokenizer, NamesTheFolderThatHasNone) {
  const auto t = open_tokenizer(VITRINE_SOURCE_DIR "/engine");
  ASSERT_FALSE(t);
  EXPECT_EQ(t.error().code, ErrorCode::FileMissing);
}

struct Folder {
  const char* path;
  const char* text;
};
class FolderTokenizer : public ::testing::TestWithParam<Folder> {};

TEST_P(FolderTokenizer, OpensAndCoversTheTextInOrder) {
  const auto folder = test::golden_files().parent_path() / GetParam().path;
  if (!std::filesystem::exists(folder))
    GTEST_SKIP() << "not among the copied files: " << GetParam().path;
  const auto t = open_tokenizer(folder);
  const bool copies = test::golden_files().string().ends_with("tests/golden/files");
  if (!t && t.error().code == ErrorCode::FileMissing && copies)
    GTEST_SKIP() << "its tokenizer is not among the copied files: " << GetParam().path;
  ASSERT_TRUE(t) << sentence(t.error());
  const auto e = (*t)->encode(GetParam().text);
  ASSERT_TRUE(e);
  std::int64_t last = 0;
  std::size_t found = 0;
  for (const Token& token : e->tokens) {
    EXPECT_FALSE((*t)->token(token.id).empty());
    EXPECT_EQ((*t)->id_of((*t)->token(token.id)), token.id);
    if (token.special) continue;
    EXPECT_GE(token.begin, last);
    EXPECT_GT(token.end, token.begin);
    last = token.begin;
    ++found;
  }
  EXPECT_GT(found, 0u);
}

INSTANTIATE_TEST_SUITE_P(All, FolderTokenizer,
                         ::testing::Values(Folder{"trained/lm_text", "Once upon a time"},
                                           Folder{"trained/lm_text_codebook", "Once upon a time"},
                                           Folder{"trained/mamba_text", "Once upon a time"},
                                           Folder{"trained/clip_glyphs", "a photo of the letter A"},
                                           Folder{"trained/search_paths", "0,1.1,2Q0,2P"},
                                           Folder{"multimodal/clip", "a cat and a hat"},
                                           Folder{"multimodal/clip_legacy_eos", "a cat and a hat"},
                                           Folder{"language/sentence_minilm", "a cat"}));

}  // namespace
}  // namespace vitrine::engine
