#include "views/scene/trajectories.h"

#include <cmath>

#include <gtest/gtest.h>

namespace vitrine::views {

namespace {
engine::Report report(std::vector<float> values, std::int64_t layers, std::int64_t tokens) {
  engine::Report out;
  out.arrays.push_back({"trajectory", "", {}, {layers, tokens, 3}, std::move(values)});
  return out;
}
}  // namespace

TEST(Trajectories, KeepTheirShapeWhenScaled) {
  const auto r = report({0, 0, 0, 10, 0, 0, 0, 5, 0, 10, 5, 2}, 2, 2);
  const Trajectories t = read_trajectories(&r, {});
  EXPECT_EQ(t.points[0], (Point3{-1, -0.5F, -0.2F}));
  EXPECT_EQ(t.points[3], (Point3{1, 0.5F, 0.2F}));
  EXPECT_EQ(t.low, (Point3{-1, -0.5F, -0.2F}));
}

TEST(Trajectories, HiddenTokensDoNotSetTheScale) {
  const auto r = report({0, 0, 0, 1000, 0, 0, 2, 0, 0, 900, 0, 0}, 2, 2);
  const Trajectories t = read_trajectories(&r, {1, 77});
  EXPECT_FALSE(t.has(0, 1));
  EXPECT_EQ(t.points[0][0], -1);
  EXPECT_EQ(t.points[2][0], 1);
}

TEST(Trajectories, ExplainedVarianceNamesTheAxes) {
  auto r = report({0, 0, 0}, 1, 1);
  r.metrics = {{"loss", 3, "", {}},
               {"explained variance PC 1", 0.314, "", {}},
               {"Explained variance PC 2", 12, "%", {}}};
  const Trajectories t = read_trajectories(&r, {});
  EXPECT_EQ(t.axis_names[0], "PC 1 (31 %)");
  EXPECT_EQ(t.axis_names[1], "PC 2 (12 %)");
  EXPECT_EQ(t.axis_names[2], "PC 3");
  r.metrics.clear();
  r.notes["explained_variance"] = "0.5, 0.25, 0.125";
  EXPECT_EQ(read_trajectories(&r, {}).axis_names[2], "PC 3 (12 %)");
}

TEST(Trajectories, WrongShapesAreEmptyAndNanIsLeftOut) {
  EXPECT_EQ(read_trajectories(nullptr, {}).layers, 0);
  const auto wrong = report({1, 2}, 1, 1);
  EXPECT_EQ(read_trajectories(&wrong, {}).layers, 0);
  const auto nan = report({NAN, 0, 0, 1, 1, 1}, 1, 2);
  const Trajectories t = read_trajectories(&nan, {});
  EXPECT_FALSE(t.has(0, 0));
  EXPECT_TRUE(t.has(0, 1));
  EXPECT_EQ(t.points[1], (Point3{0, 0, 0}));
}

}  // namespace vitrine::views
