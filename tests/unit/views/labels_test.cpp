#include "views/data/labels.h"

#include <gtest/gtest.h>

namespace vitrine::views {
namespace {

/// Every character is half as wide as the font is high.
double measure(std::string_view text, const Font& font) {
  double count = 0;
  for (const char c : text) count += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  return 0.5 * font.size * count;
}
const Font kFont{10};

TEST(Labels, MakeTokensVisible) {
  EXPECT_EQ(visible_text(" the"), "the");
  EXPECT_EQ(visible_text("   "), "\u2423");
  EXPECT_EQ(visible_text("\n"), "\u21b5");
  EXPECT_EQ(visible_text(""), "\u2423");
  EXPECT_EQ(visible_text("a\x01"), "a\u00b7");
}

TEST(Labels, AreElidedAtWholeCharacters) {
  EXPECT_EQ(elide("question", 100, kFont, measure), "question");
  EXPECT_EQ(elide("question", 25, kFont, measure), "ques\u2026");
  EXPECT_EQ(elide("\u00e4\u00f6\u00fc\u00df\u00e9", 20, kFont, measure), "\u00e4\u00f6\u00fc\u2026");
  EXPECT_EQ(elide("x", 0, kFont, measure), "\u2026");
}

TEST(Labels, WrapAtSpacesAndStopAtTheLimit) {
  EXPECT_EQ(wrap("one two three", 40, kFont, measure, 9), (std::vector<std::string>{"one two", "three"}));
  EXPECT_EQ(wrap("abcdefghij", 20, kFont, measure, 9), (std::vector<std::string>{"abcd", "efgh", "ij"}));
  EXPECT_EQ(wrap("a\n\nb", 40, kFont, measure, 9), (std::vector<std::string>{"a", "", "b"}));
  const auto cut = wrap("one two three four five", 40, kFont, measure, 2);
  ASSERT_EQ(cut.size(), 2u);
  EXPECT_TRUE(cut[1].ends_with("\u2026"));
  for (const auto& line : wrap("some words of differing lengths, incomprehensibilities too", 45, kFont, measure, 99))
    EXPECT_LE(measure(line, kFont), 45);
}

TEST(Labels, WrapEndsEvenWithoutRoom) { EXPECT_EQ(wrap("abc", 0, kFont, measure, 9).size(), 3u); }

TEST(Labels, AreThinnedToWhatFits) {
  EXPECT_EQ(label_step(20, 12, 12), 1);
  EXPECT_EQ(label_step(100, 4, 12), 5);
  EXPECT_EQ(label_step(0, 4, 12), 1);
}

TEST(Labels, KeepApartTakesTheFirst) {
  EXPECT_EQ(keep_apart({{0, 0, 10, 10}, {5, 5, 10, 10}, {12, 0, 4, 4}}), (std::vector<bool>{true, false, true}));
}

}  // namespace
}  // namespace vitrine::views
