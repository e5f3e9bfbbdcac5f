#include "views/canvas/color_scale.h"

#include <cmath>
#include <vector>

#include <gtest/gtest.h>

namespace vitrine::views {

TEST(ColorScale, EndsOfTheRangeAreTheEndsOfTheTable) {
  const ColorScale scale{-2, 6, false};
  EXPECT_EQ(scale.index(-2), 0);
  EXPECT_EQ(scale.index(6), 255);
  EXPECT_EQ(scale.index(-50), 0);
  EXPECT_EQ(scale.index(50), 255);
  EXPECT_FLOAT_EQ(scale.unit(2), 0.5F);
}

TEST(ColorScale, NotComputedHasNoColour) { EXPECT_EQ((ColorScale{0, 1, false}.index(NAN)), -1); }

TEST(ColorScale, LogGivesEachDecadeTheSameShare) {
  const ColorScale scale{1e-4F, 1, true};
  EXPECT_NEAR(scale.unit(1e-2F), 0.5F, 1e-5F);
  EXPECT_NEAR(scale.unit(1e-3F), 0.25F, 1e-5F);
  EXPECT_NEAR(scale.value(0.5F), 1e-2F, 1e-6F);
  EXPECT_EQ(scale.unit(0), 0.0F);
}

TEST(ColorScale, LogWithoutAPositiveStartIsLinear) {
  EXPECT_FLOAT_EQ((ColorScale{0, 1, true}.unit(0.25F)), 0.25F);
}

TEST(ColorScale, FitIsTheRangeOfAFigure) {
  EXPECT_EQ(ColorScale::fit(std::vector<float>{0.1F, NAN, 0.6F}, false).lo, 0.0F);
  EXPECT_EQ(ColorScale::fit(std::vector<float>{-0.2F, 0.6F}, true).lo, -0.6F);
  const ColorScale log = ColorScale::fit(std::vector<float>{0.0F, 0.01F, 0.6F}, false, true);
  EXPECT_TRUE(log.log);
  EXPECT_EQ(log.lo, 0.01F);
}

TEST(ColorScale, FitOfNothingIsAUsableRange) {
  for (const auto& values :
       {std::vector<float>{}, std::vector<float>{NAN, INFINITY}, std::vector<float>{0, 0}}) {
    const ColorScale scale = ColorScale::fit(values, false);
    EXPECT_LT(scale.lo, scale.hi);
  }
}

TEST(ColorScale, TablesComeFromColourMaps) {
  const ColorMap& map = color_map("viridis");
  const ColorTable table = table_of(map);
  EXPECT_EQ(table[0][2], map.table[0].b);
  EXPECT_EQ(table[255][0], map.table[255].r);
}

}  // namespace vitrine::views
