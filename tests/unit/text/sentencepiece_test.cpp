#include "engine/text/sentencepiece.h"

#include <fstream>
#include <iterator>
#include <span>

#include <gtest/gtest.h>

#include "engine/text/charsmap.h"
#include "tests/unit/text/text_golden.h"

namespace vitrine::engine {
namespace {

using text::PieceType;
using text::SentencePieceModel;

SentencePieceModel tiny(SentencePieceModel::Kind kind) {
  SentencePieceModel model;
  model.kind = kind;
  model.pieces = {{"<unk>", 0, PieceType::Unknown},    {"<s>", 0, PieceType::Control},
                  {"</s>", 0, PieceType::Control},     {"<x>", 0, PieceType::UserDefined},
                  {"\u2581", -4, PieceType::Normal},   {"a", -3, PieceType::Normal},
                  {"b", -3, PieceType::Normal},        {"ab", -1, PieceType::Normal},
                  {"\u2581ab", -2, PieceType::Unused}, {"x", -5, PieceType::Normal}};
  return model;
}

std::vector<std::int64_t> ids_of(const Tokenizer& tokenizer, std::string_view input) {
  std::vector<std::int64_t> ids;
  const auto encoding = tokenizer.encode(input, true);
  EXPECT_TRUE(encoding);
  if (encoding)
    for (const Token& token : encoding->tokens) ids.push_back(token.id);
  return ids;
}

class SentencePieceKinds : public ::testing::TestWithParam<SentencePieceModel::Kind> {};

TEST_P(SentencePieceKinds, TakeSymbolsWholeAndNeverUnusedOrControlPieces) {
  const auto t = text::sentencepiece_tokenizer(tiny(GetParam()), true, true, {});
  ASSERT_TRUE(t) << t.error().message;
  EXPECT_EQ(ids_of(**t, "ab"), (std::vector<std::int64_t>{1, 4, 7, 2}));
  EXPECT_EQ(ids_of(**t, "a<x>b"), (std::vector<std::int64_t>{1, 4, 5, 3, 6, 2}));
  EXPECT_EQ(ids_of(**t, "<s>"), (std::vector<std::int64_t>{1, 4, 0, 2}));
  EXPECT_EQ((*t)->decode({1, 4, 7, 3, 0, 2}), "ab<x> \u2047 ");
  EXPECT_EQ((*t)->eos_id(), 2);
}

TEST_P(SentencePieceKinds, StayQuickOnALongWord) {
  const auto t = text::sentencepiece_tokenizer(tiny(GetParam()), false, false, {});
  ASSERT_TRUE(t);
  for (const char c : {'a', 'z', ' ', '<'}) {
    const auto e = (*t)->encode(std::string(400000, c) + "b");
    ASSERT_TRUE(e);
    EXPECT_EQ(e->tokens.back().end, 400001);
  }
}

INSTANTIATE_TEST_SUITE_P(All, SentencePieceKinds,
                         ::testing::Values(SentencePieceModel::Kind::Unigram,
                                           SentencePieceModel::Kind::Bpe));

TEST(SentencePiecePairs, SurroundEachTextAndKeepItsOwnOffsets) {
  const auto t =
      text::sentencepiece_tokenizer(tiny(SentencePieceModel::Kind::Unigram), true, true, {});
  ASSERT_TRUE(t);
  const auto e = (*t)->encode_pair("ab", "b");
  ASSERT_TRUE(e);
  std::vector<std::int64_t> ids;
  for (const Token& token : e->tokens) ids.push_back(token.id);
  EXPECT_EQ(ids, (std::vector<std::int64_t>{1, 4, 7, 2, 1, 4, 6, 2}));
  EXPECT_EQ(e->tokens[6].segment, 1);
  EXPECT_EQ(e->tokens[6].begin, 0);
  EXPECT_EQ(e->tokens[6].end, 1);
}

std::vector<std::byte> bytes_at(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  const std::string all{std::istreambuf_iterator<char>(in), {}};
  const auto view = std::as_bytes(std::span(all));
  return {view.begin(), view.end()};
}

/// Whatever is cut off or flipped, the reader answers; what it accepts can be used.
TEST(SentencePieceFile, SurvivesEveryCutAndManyFlips) {
  const auto whole = bytes_at(test::bad_files() / "sentencepiece/charsmap_no_nul.model");
  ASSERT_GT(whole.size(), 100u);
  const auto try_one = [](std::span<const std::byte> file) {
    std::vector<std::string> warnings;
    auto model = text::read_sentencepiece(file, warnings);
    if (!model) {
      EXPECT_FALSE(model.error().message.empty());
      return;
    }
    const auto t = text::sentencepiece_tokenizer(std::move(*model), true, true, warnings);
    if (t) (void)(*t)->encode("a b \u00BD");
  };
  for (std::size_t n = 0; n < whole.size(); ++n) try_one(std::span(whole).first(n));
  for (std::size_t at = 0; at < whole.size(); ++at) {
    for (const int bit : {0, 3, 7}) {
      auto flipped = whole;
      flipped[at] ^= static_cast<std::byte>(1 << bit);
      flipped.back() = std::byte{0};
      try_one(flipped);
    }
  }
}

TEST(SentencePieceFile, NamesTheByteThatIsWrong) {
  std::vector<std::string> warnings;
  const auto cut = bytes_at(test::bad_files() / "sentencepiece/cut.model");
  const auto model = text::read_sentencepiece(cut, warnings);
  ASSERT_FALSE(model);
  ASSERT_TRUE(model.error().offset.has_value());
  EXPECT_LE(*model.error().offset, cut.size());
}

/// A trie of one key 'a' whose replacement is `length` bytes long.
std::string charsmap_of(std::size_t length) {
  std::string out;
  const auto put = [&out](std::uint32_t v) {
    for (int i = 0; i < 4; ++i) out.push_back(static_cast<char>(v >> (8 * i) & 0xFF));
  };
  put(4 * 256);
  for (std::uint32_t i = 0; i < 256; ++i) {
    if (i == 0)
      put(1u << 10);  // the root's children begin at unit 1
    else if (i == (1u ^ 'a'))
      put('a' | 1u << 8 | 2u << 10);
    else
      put(i == (1u ^ 'a' ^ 2u) ? 1u << 31 : 0);
  }
  return out + std::string(length, 'q') + '\0';
}

TEST(Charsmap, LetsATextGrowOnlySoFar) {
  const auto good = text::Charsmap::from_bytes(charsmap_of(20));
  ASSERT_TRUE(good) << good.error().message;
  EXPECT_EQ(good->longest("ab").first, 1u);
  EXPECT_EQ(good->longest("ab").second.size(), 20u);
  EXPECT_EQ(good->longest("b").first, 0u);
  EXPECT_FALSE(text::Charsmap::from_bytes(charsmap_of(1000)));
}

}  // namespace
}  // namespace vitrine::engine
