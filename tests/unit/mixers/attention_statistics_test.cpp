#include "engine/mixers/attention_statistics.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

#include <gtest/gtest.h>

namespace {

using namespace vitrine::engine;

struct Case {
  const char* name;
  std::int64_t rows, cols, d;
  bool causal = false;
  std::int64_t window = 0;
  float soft_cap = 0;
  bool bias = false, relative = false;
  KeyGrid grid{};
  int top_k = 3;
};

/// A head with everything a case asks for, and its pattern by the formula in double precision.
class Head {
 public:
  explicit Head(const Case& c) : c_(c) {
    std::mt19937 random(7);
    std::normal_distribution<float> normal;
    const auto fill = [&](std::int64_t n) {
      std::vector<float> v(static_cast<std::size_t>(n));
      for (auto& x : v) x = normal(random);
      return v;
    };
    q_ = fill(c.rows * c.d);
    k_ = fill(c.cols * c.d);
    scores.q = q_.data();
    scores.k = k_.data();
    if (c.bias) bias_ = fill(c.cols), scores.bias = bias_.data(), scores.bias_col = 1;
    if (c.relative) relative_ = fill(c.rows + c.cols - 1), scores.relative = relative_.data();
    scores.rows = c.rows;
    scores.cols = c.cols;
    scores.d = c.d;
    scores.scale = 1.5F / std::sqrt(static_cast<float>(c.d));
    scores.soft_cap = c.soft_cap;
    scores.causal = c.causal;
    scores.window = c.window;
    pattern.resize(static_cast<std::size_t>(c.rows * c.cols));
    lse_.resize(static_cast<std::size_t>(c.rows));
    for (std::int64_t i = 0; i < c.rows; ++i) {
      double sum = 0;
      for (std::int64_t j = 0; j < c.cols; ++j) sum += at(i, j) = std::exp(score(i, j));
      lse_[static_cast<std::size_t>(i)] = static_cast<float>(std::log(sum));
      for (std::int64_t j = 0; j < c.cols; ++j) at(i, j) /= sum;
    }
    scores.lse = lse_.data();
  }
  double& at(std::int64_t i, std::int64_t j) { return pattern[static_cast<std::size_t>(i * c_.cols + j)]; }

  HeadScores scores;
  std::vector<double> pattern;

 private:
  double score(std::int64_t i, std::int64_t j) const {
    const std::int64_t here = i + c_.cols - c_.rows;
    if ((c_.causal && j > here) || (c_.window > 0 && j <= here - c_.window)) return -INFINITY;
    double s = 0;
    for (std::int64_t x = 0; x < c_.d; ++x) s += double{q_[static_cast<std::size_t>(i * c_.d + x)]} * k_[static_cast<std::size_t>(j * c_.d + x)];
    s *= scores.scale;
    if (c_.soft_cap > 0) s = c_.soft_cap * std::tanh(s / c_.soft_cap);
    if (c_.bias) s += bias_[static_cast<std::size_t>(j)];
    if (c_.relative) s += relative_[static_cast<std::size_t>(j - i + c_.rows - 1)];
    return s;
  }
  Case c_;
  std::vector<float> q_, k_, bias_, relative_, lse_;
};

struct Place { double y, x; };
std::optional<Place> place(const KeyGrid& g, std::int64_t key) {
  if (g.width == 0) return Place{0, static_cast<double>(key)};
  if (key < g.prefix) return std::nullopt;
  return Place{static_cast<double>((key - g.prefix) / g.width), static_cast<double>((key - g.prefix) % g.width)};
}

class Statistics : public testing::TestWithParam<Case> {
 protected:
  Head head_{GetParam()};
  StatisticsRequest request() const {
    const Case& c = GetParam();
    StatisticsRequest r{.columns = true, .profile = true, .top_k = c.top_k, .grid = c.grid};
    std::vector<float> first(static_cast<std::size_t>(c.cols), 0.0F), odd = first;
    first[0] = 1;
    for (std::size_t j = 1; j < odd.size(); j += 2) odd[j] = 1;
    r.key_sets = {first, odd};
    return r;
  }
};

TEST_P(Statistics, EqualTheFormulaOnTheWholePattern) {
  const Case& c = GetParam();
  const auto got = attention_statistics(head_.scores, request());
  ASSERT_TRUE(got) << got.error().message;
  std::vector<double> received(static_cast<std::size_t>(c.cols));
  std::vector<double> profile(got->profile.size());
  for (std::int64_t i = 0; i < c.rows; ++i) {
    double entropy = 0, distance = 0, first = 0, odd = 0;
    const auto here = place(c.grid, i + c.cols - c.rows);
    for (std::int64_t j = 0; j < c.cols; ++j) {
      const double p = head_.at(i, j);
      if (p > 0) entropy -= p * std::log(p);
      received[static_cast<std::size_t>(j)] += p;
      if (j == 0) first += p;
      if (j % 2 == 1) odd += p;
      const auto there = place(c.grid, j);
      if (!here || !there) continue;
      const double dy = there->y - here->y, dx = there->x - here->x;
      distance += p * std::hypot(dy, dx);
      profile[static_cast<std::size_t>((dy + static_cast<double>(got->profile_rows / 2)) * static_cast<double>(got->profile_cols) + dx + static_cast<double>(got->profile_cols / 2))] += p;
    }
    const auto r = static_cast<std::size_t>(i);
    ASSERT_NEAR(got->entropy[r], entropy, 2e-5 * std::max(1.0, entropy)) << i;
    ASSERT_NEAR(got->distance[r], distance, 2e-5 * std::max(1.0, distance)) << i;
    ASSERT_NEAR(got->mass[0][r], first, 1e-5) << i;
    ASSERT_NEAR(got->mass[1][r], odd, 1e-5) << i;
  }
  for (std::size_t j = 0; j < received.size(); ++j) ASSERT_NEAR(got->received[j], received[j], 2e-5 * std::max(1.0, received[j])) << j;
  for (std::size_t x = 0; x < profile.size(); ++x) ASSERT_NEAR(got->profile[x], profile[x], 2e-5 * std::max(1.0, profile[x])) << x;
}

TEST_P(Statistics, LargestWeightsAreThoseOfTheSortedRow) {
  const Case& c = GetParam();
  const auto got = attention_statistics(head_.scores, request());
  ASSERT_TRUE(got);
  for (std::int64_t i = 0; i < c.rows; ++i) {
    std::vector<std::int64_t> order(static_cast<std::size_t>(c.cols));
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return head_.at(i, a) > head_.at(i, b); });
    for (int k = 0; k < c.top_k; ++k) {
      const auto cell = static_cast<std::size_t>(i * c.top_k + k);
      if (k >= c.cols || head_.at(i, order[static_cast<std::size_t>(k)]) == 0) {
        ASSERT_EQ(got->top_key[cell], -1) << i;
        continue;
      }
      ASSERT_NEAR(got->top[cell], head_.at(i, order[static_cast<std::size_t>(k)]), 1e-5) << i;
      ASSERT_NEAR(head_.at(i, got->top_key[cell]), got->top[cell], 1e-5) << i;
    }
  }
}

TEST_P(Statistics, EveryTileEqualsThePattern) {
  const Case& c = GetParam();
  for (const auto [r0, r1, c0, c1] : std::vector<std::array<std::int64_t, 4>>{
           {0, c.rows, 0, c.cols}, {c.rows / 3, c.rows, c.cols / 2, c.cols}, {c.rows - 1, c.rows, 0, 1}, {0, 1, c.cols / 3, c.cols}}) {
    std::vector<float> tile(static_cast<std::size_t>((r1 - r0) * (c1 - c0)), -1.0F);
    pattern_tile(head_.scores, r0, r1, c0, c1, tile.data());
    for (std::int64_t i = r0; i < r1; ++i)
      for (std::int64_t j = c0; j < c1; ++j) ASSERT_NEAR(tile[static_cast<std::size_t>((i - r0) * (c1 - c0) + j - c0)], head_.at(i, j), 1e-5) << i << ' ' << j;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Heads, Statistics,
    testing::Values(Case{"one_cell", 1, 1, 1}, Case{"plain", 70, 70, 16}, Case{"wide_head", 33, 49, 80}, Case{"causal", 200, 200, 24, true},
                    Case{"cache", 5, 600, 32, true}, Case{"window", 700, 700, 8, true, 50}, Case{"two_sided_window", 530, 530, 8, false, 97},
                    Case{"soft_cap", 60, 90, 16, false, 0, 2.0F}, Case{"bias", 65, 130, 7, false, 0, 0, true},
                    Case{"relative", 129, 129, 16, true, 0, 0, false, true}, Case{"grid", 1 + 9 * 13, 1 + 9 * 13, 12, false, 0, 0, false, false, {1, 9, 13}},
                    Case{"long", 97, 1500, 16, false, 0, 0, false, false, {}, 8}, Case{"none_kept", 20, 20, 4, false, 0, 0, false, false, {}, 0}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(StatisticsTop, OfEqualWeightsHoldsTheFirstKeys) {
  constexpr std::int64_t kCols = 1500;
  const std::vector<float> q{0, 1};
  std::vector<float> k(kCols, 0.0F);
  for (const std::size_t j : {1100, 700, 97, 61, 50, 47, 3}) k[j] = 2;   // equal ones in several blocks and groups
  const std::vector<float> lse{std::log(1500.0F), std::log(1493.0F + 7 * std::exp(2.0F))};
  HeadScores head;
  head.q = q.data(), head.k = k.data(), head.lse = lse.data();
  head.rows = 2, head.cols = kCols, head.d = 1;
  const auto got = attention_statistics(head, {.top_k = 5});
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(got->top_key, (std::vector<std::int32_t>{0, 1, 2, 3, 4, 3, 47, 50, 61, 97}));
}

TEST(StatisticsRefuse, WhatDoesNotFit) {
  Head head(Case{"", 10, 10, 4});
  StatisticsRequest grid{.grid = {1, 3, 4}};
  EXPECT_EQ(attention_statistics(head.scores, grid).error().code, ErrorCode::Usage);
  StatisticsRequest sets;
  sets.key_sets = {{1, 0}};
  EXPECT_EQ(attention_statistics(head.scores, sets).error().code, ErrorCode::Usage);
  EXPECT_EQ(attention_statistics(head.scores, {.top_k = 65}).error().code, ErrorCode::Usage);
}

TEST(StatisticsStop, WhenCancelled) {
  Head head(Case{"", 100, 100, 4});
  Progress progress;
  progress.cancel();
  EXPECT_EQ(attention_statistics(head.scores, {}, progress).error().code, ErrorCode::Cancelled);
}

}  // namespace
