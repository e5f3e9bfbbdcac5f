#include "views/data/range.h"

#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include <gtest/gtest.h>

#include "views/data/bins.h"
#include "views/data/ticks.h"

namespace vitrine::views {
namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
using Floats = std::vector<float>;

TEST(Range, StartsAtZeroForProbabilities) {
  const auto r = choose_range(Floats{0.1f, 0.02f, 0.8f, kNaN}, RangeMode::Automatic);
  EXPECT_EQ(r.lo, 0);
  EXPECT_FLOAT_EQ(r.hi, 0.8f);
}

TEST(Range, StartsAtTheMinimumWhereZeroIsFar) {
  const auto r = choose_range(Floats{50, 60}, RangeMode::Automatic);
  EXPECT_EQ(r.lo, 50);
  EXPECT_EQ(r.hi, 60);
}

TEST(Range, IsSymmetricForBothSigns) {
  const auto r = choose_range(Floats{-0.5f, 2, 0}, RangeMode::Automatic);
  EXPECT_EQ(r.lo, -2);
  EXPECT_EQ(r.hi, 2);
  EXPECT_EQ(r.position(0), 0.5);
}

TEST(Range, IsNeverEmpty) {
  for (const Floats& values : {Floats{}, Floats{kNaN}, Floats{0}, Floats{3, 3}, Floats{-4}, Floats{INFINITY}})
    for (const auto mode : {RangeMode::Automatic, RangeMode::Manual, RangeMode::Log, RangeMode::Symmetric}) {
      const auto r = choose_range(values, mode);
      EXPECT_LT(r.lo, r.hi);
      EXPECT_TRUE(std::isfinite(r.lo) && std::isfinite(r.hi));
    }
  const auto swapped = choose_range(Floats{1}, RangeMode::Manual, 5, 2);
  EXPECT_LT(swapped.lo, swapped.hi);
}

TEST(Range, LogSpreadsDecadesEvenly) {
  const auto r = choose_range(Floats{0, 1e-4f, 1e-2f, 1}, RangeMode::Log);
  EXPECT_NEAR(r.position(1e-2), 0.5, 1e-6);
  EXPECT_EQ(r.position(0), 0);
  EXPECT_NEAR(r.value(0.5), 1e-2, 1e-8);
  EXPECT_NEAR(choose_range(Floats{1e-30f, 1}, RangeMode::Log).lo, 1e-6, 1e-12) << "six decades at most";
}

TEST(Range, ClampsAndKeepsNaN) {
  const ValueRange r{0, 1};
  EXPECT_EQ(r.position(9), 1);
  EXPECT_EQ(r.position(-9), 0);
  EXPECT_TRUE(std::isnan(r.position(kNaN)));
}

TEST(Ticks, AreRoundAndInside) {
  std::vector<std::string> labels;
  for (const auto& t : ticks({0, 0.8}, 4)) labels.push_back(t.label);
  EXPECT_EQ(labels, (std::vector<std::string>{"0", "0.2", "0.4", "0.6", "0.8"}));
  labels.clear();
  for (const auto& t : ticks({-1, 1}, 4)) labels.push_back(t.label);
  EXPECT_EQ(labels, (std::vector<std::string>{"\u22121.0", "\u22120.5", "0", "0.5", "1.0"}));
}

TEST(Ticks, StayFewForAnyRange) {
  for (const double lo : {-1e9, -3.7, 0.0, 1e-7, 12345.0})
    for (const double span : {1e-6, 0.3, 7.0, 4e5, 1e12}) {
      const auto found = ticks({lo, lo + span}, 5);
      EXPECT_LE(found.size(), 12u) << lo << " " << span;
      const double rounding = 1e-6 * span + 1e-15 * std::abs(lo);
      for (const auto& t : found) EXPECT_TRUE(t.value >= lo - rounding && t.value <= lo + span + rounding);
    }
  EXPECT_TRUE(ticks({1, 1}, 5).empty());
}

TEST(Ticks, OfALogAxisArePowersOfTen) {
  std::vector<double> major;
  for (const auto& t : ticks({1e-4, 1, Scale::Log}, 5))
    if (!t.minor) major.push_back(std::round(std::log10(t.value)));
  EXPECT_EQ(major, (std::vector<double>{-4, -3, -2, -1, 0}));
  EXPECT_EQ(ticks({1e-4, 1, Scale::Log}, 5)[0].label, "1e-4");
  EXPECT_EQ(ticks({1e-2, 1, Scale::Log}, 3)[0].label, "0.01");
}

TEST(Ticks, IndexStepsAreOneTwoFiveTen) {
  EXPECT_EQ(index_step(10, 10), 1);
  EXPECT_EQ(index_step(37, 20), 2);
  EXPECT_EQ(index_step(300, 30), 10);
  EXPECT_EQ(index_step(1000, 4), 500);
}

TEST(Numbers, ReadAsAPersonWritesThem) {
  EXPECT_EQ(format_value(0.123456), "0.1235");
  EXPECT_EQ(format_value(-0.00047, 3), "\u22120.00047");
  EXPECT_EQ(format_value(12), "12");
  EXPECT_EQ(format_value(3.1e-7, 2), "3.1e-7");
  EXPECT_EQ(format_value(kNaN), "\u2013");
  EXPECT_EQ(format_compact(0.25), "0.25");
  EXPECT_EQ(format_compact(12345), "12k");
  EXPECT_EQ(format_with_unit(205898, ""), "205,898");
  EXPECT_EQ(format_with_unit(823592, "bytes"), "824 KB");
  EXPECT_EQ(format_with_unit(1.84, "ms"), "1.840 ms");
}

TEST(Histogram, CountsEveryFiniteValueOnce) {
  Floats values;
  for (int i = 0; i < 1000; ++i) values.push_back(static_cast<float>(std::sin(i * 0.7) * 3));
  values.push_back(kNaN);
  const auto h = histogram(values);
  EXPECT_EQ(std::accumulate(h.counts.begin(), h.counts.end(), std::int64_t{0}), 1000);
  EXPECT_EQ(h.missing, 1);
  EXPECT_LE(h.counts.size(), 62u);
  EXPECT_GE(h.counts.size(), 5u);
}

TEST(Pooling, KeepsTheStrongestOfEachBlock) {
  Floats m(64, 0.0f);
  m[9] = -5;
  m[63] = kNaN;
  m[54] = 2;
  const auto p = pool_strongest(m, 8, 8, 2, 2);
  EXPECT_EQ(p, (Floats{-5, 0, 0, 2}));
  EXPECT_TRUE(std::isnan(pool_strongest(Floats{kNaN, kNaN}, 1, 2, 1, 1)[0]));
}

}  // namespace
}  // namespace vitrine::views
