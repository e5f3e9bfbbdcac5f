#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "engine/text/added_tokens.h"
#include "engine/text/decoder.h"
#include "engine/text/normalizer.h"
#include "engine/text/post_processor.h"
#include "engine/text/pre_tokenizer.h"
#include "engine/text/vocabulary.h"

namespace vitrine::engine::text {
namespace {

using nlohmann::json;
using Words = std::vector<std::string>;

/// The stretches of the text that the pieces stand for.
Words cut(const Result<PreTokenizer>& pre, std::string_view input) {
  EXPECT_TRUE(pre) << pre.error().message;
  std::vector<Piece> pieces = {{MappedText::of(input), -1}};
  if (pre) pre->apply(pieces);
  Words out;
  for (const Piece& piece : pieces) {
    const Span span = piece.text.span(0, piece.text.text.size());
    out.emplace_back(input.substr(span.begin, span.end - span.begin));
  }
  return out;
}

json nested(const char* list, int levels) {
  json config = nullptr;
  for (int i = 0; i < levels; ++i) config = {{"type", "Sequence"}, {list, json::array({config})}};
  return config;
}

template <class Stage>
void expect_depth_limit(const char* part, const char* list, int levels, Stage&& stage) {
  EXPECT_TRUE(stage(nested(list, levels + 1))) << "the outermost is level 0";
  const auto deep = stage(nested(list, levels + 2));
  ASSERT_FALSE(deep);
  EXPECT_EQ(deep.error().code, ErrorCode::FileLimit);
  EXPECT_EQ(deep.error().message, std::string(part) + ": nested deeper than " + std::to_string(levels) + " levels");
}

TEST(Stages, AreNestedOnlySoDeep) {
  expect_depth_limit("normalizer", "normalizers", 16, [](const json& c) { return Normalizer::from_json(c); });
  expect_depth_limit("pre_tokenizer", "pretokenizers", 16, [](const json& c) { return PreTokenizer::from_json(c); });
  expect_depth_limit("decoder", "decoders", 8, [](const json& c) { return Decoder::from_json(c, {}); });
  expect_depth_limit("post_processor", "processors", 8, [](const json& c) { return PostProcessor::from_json(c, 10); });
}

constexpr std::string_view kProse = "I'M 12345 ok\n\n x!";

TEST(PreTokenizer, CutsAsEachFamilyOfGgufDoes) {
  const Words gpt2 = {"I", "'", "M", " 12345", " ok", "\n\n", " x", "!"};
  const Words llama3 = {"I", "'M", " ", "123", "45", " ok", "\n\n", " x", "!"};
  const Words qwen2 = {"I", "'M", " ", "1", "2", "3", "4", "5", " ok", "\n\n", " x", "!"};
  const Words smollm = {"I", "'", "M", " ", "1", "2", "3", "4", "5", " ok", "\n\n", " x", "!"};
  for (const char* name : {"gpt-2", "gpt2", "olmo", "mpt", "phi-2"}) EXPECT_EQ(cut(PreTokenizer::from_gguf(name), kProse), gpt2) << name;
  for (const char* name : {"llama-bpe", "llama3", "llama-v3"}) EXPECT_EQ(cut(PreTokenizer::from_gguf(name), kProse), llama3) << name;
  for (const char* name : {"qwen2", "stablelm2"}) EXPECT_EQ(cut(PreTokenizer::from_gguf(name), kProse), qwen2) << name;
  for (const char* name : {"smollm", "starcoder"}) EXPECT_EQ(cut(PreTokenizer::from_gguf(name), kProse), smollm) << name;
}

TEST(PreTokenizer, WhitespaceSplitDropsBlanksAndNothingElse) {
  EXPECT_EQ(cut(PreTokenizer::from_json({{"type", "WhitespaceSplit"}}), " a b.c\t\n\u3000(d) "), (Words{"a", "b.c", "(d)"}));
}

TEST(PreTokenizer, SplitTakesALiteralWithEveryBehaviour) {
  const auto with = [](const char* behaviour, bool invert) {
    return PreTokenizer::from_json(
        {{"type", "Split"}, {"pattern", {{"String", "--"}}}, {"behavior", behaviour}, {"invert", invert}});
  };
  EXPECT_EQ(cut(with("Removed", false), "a--b----c"), (Words{"a", "b", "c"}));
  EXPECT_EQ(cut(with("Removed", true), "a--b----c"), (Words{"--", "--", "--"}));
  EXPECT_EQ(cut(with("Isolated", false), "a--b----c"), (Words{"a", "--", "b", "--", "--", "c"}));
  EXPECT_EQ(cut(with("Contiguous", false), "a--b----c"), (Words{"a", "--", "b", "----", "c"}));
  EXPECT_EQ(cut(with("MergedWithPrevious", false), "a--b--c"), (Words{"a--", "b--", "c"}));
  EXPECT_EQ(cut(with("MergedWithNext", false), "a--b--c"), (Words{"a", "--b", "--c"}));
}

TEST(Decoder, ReplacesByPattern) {
  const auto regex = Decoder::from_json(
      {{"type", "Replace"}, {"pattern", {{"Regex", "[aeiou]+"}}}, {"content", "_"}}, {});
  ASSERT_TRUE(regex) << regex.error().message;
  EXPECT_EQ(regex->apply({"queue", "ing"}), "q__ng");
  const auto literal = Decoder::from_json(
      {{"type", "Replace"}, {"pattern", {{"String", "a."}}}, {"content", ""}}, {});
  ASSERT_TRUE(literal);
  EXPECT_EQ(literal->apply({"a.b", "axb"}), "baxb");
  const auto bad = Decoder::from_json(
      {{"type", "Replace"}, {"pattern", {{"Regex", "(?=x)"}}}, {"content", "_"}}, {});
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().code, ErrorCode::Unsupported);
}

TEST(Pattern, HasALimitOnItsLength) {
  const std::string where = "pre_tokenizer Split";
  EXPECT_TRUE(Pattern::regex(std::string(1000, 'a'), where));
  const auto p = Pattern::regex(std::string(1 << 20, 'a'), where);
  ASSERT_FALSE(p);
  EXPECT_EQ(p.error().code, ErrorCode::FileLimit);
  EXPECT_EQ(p.error().message.rfind("pre_tokenizer Split: the regex pattern has 1048576 bytes, the limit is ", 0), 0U);
}

struct Added {
  Vocabulary vocabulary = Vocabulary::from_list({"a", "b", "<m>"});
  Normalizer normalizer;
  std::vector<std::string> warnings;
  Result<AddedTokens> read(const json& list) { return AddedTokens::from_json(list, vocabulary, normalizer, warnings); }
};

TEST(AddedTokens, TakeTheBlanksThatTheyAskFor) {
  Added added;
  const auto tokens = added.read({{{"id", 2}, {"content", "<m>"}, {"lstrip", true}, {"rstrip", true}, {"special", true}}});
  ASSERT_TRUE(tokens) << tokens.error().message;
  const std::string input = "a \u3000<m>\t\u00A0 b<m>  ";
  Words found;
  for (const Piece& piece : tokens->extract(MappedText::of(input), added.normalizer)) {
    const Span span = piece.text.span(0, piece.text.text.size());
    found.push_back((piece.token >= 0 ? "+" : "") + input.substr(span.begin, span.end - span.begin));
  }
  EXPECT_EQ(found, (Words{"a", "+ \u3000<m>\t\u00A0 ", "b", "+<m>  "}));
}

TEST(AddedTokens, HaveIdsNearTheVocabulary) {
  Added added;
  const auto tokens = added.read({{{"id", 2'000'000'000}, {"content", "<far>"}}});
  ASSERT_FALSE(tokens);
  EXPECT_EQ(tokens.error().code, ErrorCode::FileLimit);
  EXPECT_EQ(tokens.error().message,
            "the added token '<far>' has the id 2000000000, far outside the vocabulary (limit 1000016)");
}

TEST(AddedTokens, HaveOneIdEachAndTheVocabulariesOwn) {
  Added added;
  const auto other = added.read({{{"id", 7}, {"content", "<m>"}}});
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().message, "the added token '<m>' has the id 7, but 2 in the vocab");
  const auto twice = added.read({{{"id", 7}, {"content", "<x>"}}, {{"id", 7}, {"content", "<y>"}}});
  ASSERT_FALSE(twice);
  EXPECT_EQ(twice.error().message, "the added tokens '<x>' and '<y>' have the same id 7");
}

template <class Stage>
std::string refusal(const Result<Stage>& stage) {
  return stage ? "" : stage.error().message;
}

TEST(Stages, NameTheFieldThatIsWrong) {
  const json replace = {{"type", "Replace"}, {"pattern", "x"}, {"content", "_"}};
  const std::string pattern = ": expected 'pattern' to be {\"String\": ...} or {\"Regex\": ...}, came ";
  EXPECT_EQ(refusal(Decoder::from_json(replace, {})).rfind("decoder" , 0), 0U);
  EXPECT_NE(refusal(Decoder::from_json(replace, {})).find(pattern), std::string::npos) << refusal(Decoder::from_json(replace, {}));
  EXPECT_NE(refusal(Normalizer::from_json(replace)).find("normalizer Replace" + pattern), std::string::npos);
  EXPECT_NE(refusal(PreTokenizer::from_json({{"type", "Split"}, {"behavior", "Removed"}})).find("pre_tokenizer Split" + pattern), std::string::npos);
  EXPECT_NE(refusal(PreTokenizer::from_json({{"type", "Metaspace"}, {"prepend_scheme", "last"}})).find("always, first or never"), std::string::npos);
  EXPECT_EQ(refusal(PostProcessor::from_json({{"type", "Seldom"}}, 5)), "post_processor: unknown type 'Seldom'");
  EXPECT_NE(refusal(PostProcessor::from_json({{"type", "BertProcessing"}, {"cls", json::array({"[CLS]", 5})}, {"sep", json::array({"[SEP]", 1})}}, 5))
                .find("[token, id] with an id below 5"), std::string::npos);
  const json places = json::array({json{{"Sequence", {{"id", "A"}}}, {"SpecialToken", {{"id", "A"}}}}});
  EXPECT_EQ(refusal(PostProcessor::from_json({{"type", "TemplateProcessing"}, {"single", places}, {"pair", places}}, 5)),
            "expected a template place to be Sequence or SpecialToken");
}

Words found_by(const char* pattern, std::string_view input) {
  const auto p = Pattern::regex(pattern, "test");
  EXPECT_TRUE(p) << p.error().message;
  Words out;
  if (!p) return out;
  for (const Match& m : p->find(input))
    if (m.matched) out.emplace_back(input.substr(m.begin, m.end - m.begin));
  return out;
}

TEST(Pattern, KnowsTheSetsAndTheirOpposites) {
  const std::string_view input = "ab 12_\u0663\u00A0-\u00E9";
  EXPECT_EQ(found_by(R"(\d+)", input), (Words{"12", "\u0663"}));
  EXPECT_EQ(found_by(R"(\D+)", input), (Words{"ab ", "_", "\u00A0-\u00E9"}));
  EXPECT_EQ(found_by(R"(\w+)", input), (Words{"ab", "12_\u0663", "\u00E9"}));
  EXPECT_EQ(found_by(R"(\W+)", input), (Words{" ", "\u00A0-"}));
  EXPECT_EQ(found_by(R"([\d_]+)", input), (Words{"12_\u0663"}));
  for (const char* unread : {R"(a\b)", R"(\Ga)", R"(\X)", R"(\h+)", R"(\R)", R"(a\Kb)"}) {
    const auto p = Pattern::regex(unread, "test");
    ASSERT_FALSE(p) << unread;
    EXPECT_EQ(p.error().code, ErrorCode::Unsupported) << unread;
  }
}

TEST(AddedTokens, HaveALimitOnTheirContent) {
  Added added;
  const auto tokens = added.read({{{"id", 7}, {"content", std::string(16385, 'a')}}});
  ASSERT_FALSE(tokens);
  EXPECT_EQ(tokens.error().message, "the added token with id 7 has 16385 bytes of content, the limit is 16384");
}

TEST(Decoder, ByteFallbackGivesAMarkForEachByteOfWhatIsNoText) {
  const auto d = Decoder::from_json({{"type", "ByteFallback"}}, {});
  ASSERT_TRUE(d) << d.error().message;
  EXPECT_EQ(d->apply({"a", "<0xC3>", "<0xA9>", "b"}), "a\u00E9b");
  EXPECT_EQ(d->apply({"<0xC3>", "<0x28>"}), "\uFFFD\uFFFD");
}

/// A double array of the one key 'a', which becomes "qq".
TEST(Normalizer, AppliesAPrecompiledTable) {
  std::string bytes;
  const auto put = [&](std::uint32_t v) {
    for (int i = 0; i < 4; ++i) bytes.push_back(static_cast<char>(v >> (8 * i) & 0xFF));
  };
  put(4 * 256);
  for (std::uint32_t i = 0; i < 256; ++i) put(i == 0 ? 1U << 10 : i == (1U ^ 'a') ? 'a' | 1U << 8 | 2U << 10 : i == (1U ^ 'a' ^ 2U) ? 1U << 31 : 0);
  bytes += std::string("qq\0", 3);
  constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string encoded;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k) group = group << 8 | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0U);
    for (std::size_t k = 0; k < 4; ++k) encoded += i + k > bytes.size() ? '=' : digits[group >> (18 - 6 * k) & 63];
  }
  const auto n = Normalizer::from_json({{"type", "Precompiled"}, {"precompiled_charsmap", encoded}});
  ASSERT_TRUE(n) << n.error().message;
  const MappedText out = n->apply(MappedText::of("bab"));
  EXPECT_EQ(out.text, "bqqb");
  EXPECT_EQ(out.span(1, 3).begin, 1U);
  EXPECT_EQ(out.span(1, 3).end, 2U);
}

}  // namespace
}  // namespace vitrine::engine::text
