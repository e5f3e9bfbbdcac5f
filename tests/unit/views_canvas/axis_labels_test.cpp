#include "views/canvas/axis_labels.h"

#include <gtest/gtest.h>

namespace vitrine::views {

TEST(AxisLabels, StridesAreRound) {
  EXPECT_EQ(label_stride(20, 14), 1);
  EXPECT_EQ(label_stride(10, 14), 2);
  EXPECT_EQ(label_stride(3, 14), 5);
  EXPECT_EQ(label_stride(0.1, 14), 200);
}

TEST(AxisLabels, NeverOverlapAndKeepTheChosen) {
  for (const double step : {0.3, 1.0, 3.7, 12.0, 40.0}) {
    const auto places = place_labels(3, 400, step, 14, {57, 58});
    bool kept = false;
    for (std::size_t i = 0; i < places.size(); ++i) {
      kept |= places[i] == 57;
      if (i > 0) {
        EXPECT_GE(static_cast<double>(places[i] - places[i - 1]) * step, 14);
      }
      EXPECT_GE(places[i], 3);
      EXPECT_LE(places[i], 400);
    }
    EXPECT_TRUE(kept);
  }
}

TEST(AxisLabels, NothingVisibleGivesNothing) {
  EXPECT_TRUE(place_labels(5, 4, 10, 14, {3}).empty());
  EXPECT_TRUE(place_labels(0, -1, 0, 14, {-1}).empty());
}

}  // namespace vitrine::views
