#include "engine/text/pattern.h"

#include <gtest/gtest.h>

namespace vitrine::engine::text {
namespace {

std::vector<std::string> pieces(const Pattern& p, std::string_view text) {
  std::vector<std::string> out;
  for (const Match& m : p.find(text)) out.emplace_back(text.substr(m.begin, m.end - m.begin));
  return out;
}

TEST(Pattern, LookaheadLeavesTheLastSpaceToTheWord) {
  const auto p = Pattern::regex(R"( ?\p{L}+|\s+(?!\S)|\s+)", "test");
  ASSERT_TRUE(p) << p.error().message;
  EXPECT_EQ(pieces(*p, "a   b"), (std::vector<std::string>{"a", "  ", " b"}));
  EXPECT_EQ(pieces(*p, "a b  "), (std::vector<std::string>{"a", " b", "  "}));
  EXPECT_EQ(pieces(*p, "a\nb"), (std::vector<std::string>{"a", "\n", "b"}));
  EXPECT_EQ(pieces(*p, "a\u3000\u3000b"), (std::vector<std::string>{"a", "\u3000", "\u3000", "b"}));
}

TEST(Pattern, CoversTheTextWithoutGaps) {
  const auto p = Pattern::regex(R"(\d+)", "test");
  ASSERT_TRUE(p);
  std::size_t at = 0;
  for (const Match& m : p->find("ab12c345")) {
    EXPECT_EQ(m.begin, at);
    at = m.end;
  }
  EXPECT_EQ(at, 8u);
}

TEST(Pattern, RefusesWhatItCannotBound) {
  for (const char* bad : {R"((a+)+$)", R"((a)\1)", R"(a(?=b))", R"((?<!c)a)", "(unclosed", "a++",
                          "[a", R"((a{1,1000}){1,1000})", R"(\s+(?!\S)|x)", "", R"([\S])"}) {
    const auto p = Pattern::regex(bad, "pre_tokenizer");
    EXPECT_FALSE(p) << bad;
    EXPECT_NE(p ? std::string::npos : p.error().message.find("pre_tokenizer"), std::string::npos);
  }
}

TEST(SplitBehaviour, JoinsAsNamed) {
  const std::vector<Match> found = {{0, 1, false}, {1, 2, true}, {2, 3, true}, {3, 4, false}};
  EXPECT_EQ(apply_behaviour(found, SplitBehaviour::Removed).size(), 2u);
  EXPECT_EQ(apply_behaviour(found, SplitBehaviour::Isolated).size(), 4u);
  const auto previous = apply_behaviour(found, SplitBehaviour::MergedWithPrevious);
  ASSERT_EQ(previous.size(), 3u);
  EXPECT_EQ(previous[0].end, 2u);
  const auto next = apply_behaviour(found, SplitBehaviour::MergedWithNext);
  ASSERT_EQ(next.size(), 3u);
  EXPECT_EQ(next[2].begin, 2u);
  EXPECT_EQ(apply_behaviour(found, SplitBehaviour::Contiguous).size(), 3u);
}

}  // namespace
}  // namespace vitrine::engine::text
