#include "views/canvas/cell_ink.h"

#include <cmath>
#include <random>

#include <gtest/gtest.h>

namespace vitrine::views {
namespace {

ColorTable ramp() {
  ColorTable table;
  for (std::size_t i = 0; i < 256; ++i) table[i] = {static_cast<std::uint8_t>(i), static_cast<std::uint8_t>(255 - i), 7};
  return table;
}

std::uint32_t of_table(int index) {
  const auto i = static_cast<std::uint32_t>(index);
  return i | (255 - i) << 8U | 7U << 16U | 0xFF000000U;
}

class Ranges : public testing::TestWithParam<ColorScale> {};

TEST_P(Ranges, GiveEveryValueTheColourOfItsPlaceOnTheScale) {
  const ColorScale scale = GetParam();
  const CellInk ink({.show = MapCompare::First, .range = scale, .table = ramp()});
  std::mt19937 random(5);
  std::uniform_real_distribution<float> flat(-1.5F, 1.5F), decades(-8, 1);
  for (int i = 0; i < 20'000; ++i) {
    const float value = i % 2 ? flat(random) : std::pow(10.F, decades(random));
    ASSERT_EQ(ink.of(value, 0), of_table(scale.index(value))) << value;
  }
}

INSTANTIATE_TEST_SUITE_P(Scales, Ranges, testing::Values(ColorScale{0, 1, false}, ColorScale{-0.7F, 0.7F, false}, ColorScale{1e-6F, 0.9F, true},
                                                         ColorScale{0, 1, true}, ColorScale{0.3F, 0.3F, false}));

TEST(CellInk, ShowsTheMatrixThatItIsAskedFor) {
  const auto of = [](MapCompare show) { return CellInk({.show = show, .range = {0, 1, false}, .table = ramp()}).of(1, 0); };
  EXPECT_EQ(of(MapCompare::First), of_table(255));
  EXPECT_EQ(of(MapCompare::Second), of_table(0));
  EXPECT_EQ(of(MapCompare::Difference), of_table(255));
}

TEST(CellInk, GivesWhatIsNotComputedTheColourOfNothing) {
  for (const MapCompare show : {MapCompare::First, MapCompare::Second, MapCompare::Blend, MapCompare::Difference})
    EXPECT_EQ(CellInk({.show = show, .range = {0, 1, false}, .none = 0x11223344}).of(NAN, NAN), 0x11223344U);
}

TEST(CellInk, TwoHuesAddUpToWhiteOrLeaveBlack) {
  EXPECT_EQ(blend_hues(1, 1, 0.5F, true), 0xFFFFFFFFU);
  EXPECT_EQ(blend_hues(1, 1, 0.5F, false), 0xFF000000U);
  EXPECT_EQ(blend_hues(0, 0, 0.5F, true), 0xFF000000U);
  EXPECT_NE(blend_hues(1, 0, 0.5F, true), blend_hues(0, 1, 0.5F, true));
}

}  // namespace
}  // namespace vitrine::views
