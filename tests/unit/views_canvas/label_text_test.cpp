#include "views/canvas/label_text.h"

#include <cmath>

#include <gtest/gtest.h>

namespace vitrine::views {

TEST(LabelText, InvisibleTokensAreMadeVisible) {
  EXPECT_EQ(label_text(" the"), "the");
  EXPECT_EQ(label_text("\n"), "\u23ce");
  EXPECT_EQ(label_text("  "), "\u2423");
  EXPECT_EQ(label_text(""), "");
  EXPECT_EQ(label_text("\x01"), "?");
}

TEST(LabelText, ValuesKeepTheirSize) {
  EXPECT_EQ(value_text(0.12345678), "0.1235");
  EXPECT_EQ(value_text(1.5e-7), "1.500e-07");
  EXPECT_EQ(value_text(NAN), "not computed");
  EXPECT_EQ(cell_text(0.5), "0.50");
  EXPECT_EQ(cell_text(-12.34), "\u221212.3");
}

}  // namespace vitrine::views
