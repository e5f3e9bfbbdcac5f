#include "views/canvas/value_pyramid.h"

#include <cmath>

#include <gtest/gtest.h>

namespace vitrine::views {

TEST(ValuePyramid, HalvingKeepsTheStrongestOfEachBlockWithItsSign) {
  const PyramidLevel half = halve({3, 3, {1, -5, 2, 0, 3, NAN, NAN, NAN, -7}});
  EXPECT_EQ(half.rows, 2);
  EXPECT_EQ(half.cols, 2);
  EXPECT_EQ(half.values[0], -5);
  EXPECT_EQ(half.values[1], 2);
  EXPECT_TRUE(std::isnan(half.values[2]));
  EXPECT_EQ(half.values[3], -7);
}

TEST(ValuePyramid, OneBrightCellReachesTheTop) {
  std::vector<float> values(1000 * 700, 0.0F);
  values[999 * 700 + 699] = 0.5F;
  const ValuePyramid pyramid(1000, 700, values);
  ASSERT_EQ(pyramid.levels(), 3);
  const PyramidLevel& top = pyramid.level(2);
  EXPECT_EQ(top.rows, 250);
  EXPECT_EQ(top.cols, 175);
  EXPECT_EQ(top.values.back(), 0.5F);
}

TEST(ValuePyramid, WrongSizesAreEmpty) {
  EXPECT_TRUE(ValuePyramid(2, 2, {1, 2, 3}).empty());
  EXPECT_TRUE(ValuePyramid(0, 5, {}).empty());
}

}  // namespace vitrine::views
