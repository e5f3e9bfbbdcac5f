#include "engine/text/unicode.h"

#include <gtest/gtest.h>

#include "engine/text/byte_alphabet.h"
#include "engine/text/mapped_text.h"

namespace vitrine::engine::text {
namespace {

std::string in_form(std::string_view text, NormalForm form) {
  std::string out;
  for (const CharChange& c : normal_form(text, form)) append_utf8(out, c.c);
  return out;
}

TEST(Utf8, ReplacesEachMaximalBadPartOnce) {
  EXPECT_EQ(repair_utf8("a\xE2\x82z"), "a\uFFFDz");
  EXPECT_EQ(repair_utf8("\xC3\xC3"), "\uFFFD\uFFFD");
  EXPECT_EQ(repair_utf8("\xED\xA0\x80"), "\uFFFD\uFFFD\uFFFD") << "a surrogate is no code point";
  EXPECT_EQ(repair_utf8("\xF0\x9F\x98"), "\uFFFD");
  EXPECT_EQ(repair_utf8("\xF5\x80"), "\uFFFD\uFFFD");
  EXPECT_EQ(repair_utf8("\xC0\xAF"), "\uFFFD\uFFFD") << "overlong";
}

TEST(NormalForm, ComposesAndDecomposes) {
  EXPECT_EQ(in_form("e\u0301", NormalForm::Nfc), "\u00E9");
  EXPECT_EQ(in_form("\u00E9", NormalForm::Nfd), "e\u0301");
  EXPECT_EQ(in_form("\u1112\u1161\u11AB", NormalForm::Nfc), "\uD55C");
  EXPECT_EQ(in_form("a\u0315\u0300", NormalForm::Nfc), "\u00E0\u0315")
      << "marks are ordered by class";
  EXPECT_EQ(in_form("\uFB01", NormalForm::Nfkc), "fi");
  EXPECT_EQ(in_form("\uFB01", NormalForm::Nfc), "\uFB01");
}

TEST(MappedText, KeepsTheOriginWhenRewritten) {
  const std::string original = "e\u0301x";
  const MappedText in = MappedText::of(original);
  const MappedText out = in.rewritten(normal_form(in.text, NormalForm::Nfc));
  EXPECT_EQ(out.text, "\u00E9x");
  EXPECT_EQ(out.span(0, 2).begin, 0u);
  EXPECT_EQ(out.span(2, 3).begin, 3u);
  EXPECT_EQ(out.span(2, 3).end, 4u);
}

TEST(ByteAlphabet, IsOneToOne) {
  for (int b = 0; b < 256; ++b) {
    const auto back = byte_of_visible(visible_of_byte(static_cast<unsigned char>(b)));
    ASSERT_TRUE(back);
    EXPECT_EQ(*back, b);
  }
  EXPECT_FALSE(bytes_of_visible("\u4E00"));
}

TEST(Lower, KnowsNoContext) {
  EXPECT_EQ(to_lower(0x3A3).c[0], char32_t{0x3C3});
  EXPECT_EQ(to_lower(0x130).count, 2);
}

}  // namespace
}  // namespace vitrine::engine::text
