#include <algorithm>
#include <cmath>
#include <ostream>
#include <random>

#include <gtest/gtest.h>

#include "engine/cuda/device.h"
#include "engine/cuda/kernels.h"
#include "tests/unit/cuda/emulated_grid.h"

namespace {

using namespace vitrine::engine;
using namespace vitrine::engine::cuda;

struct Case {
  int queries, keys, d_head;
  bool causal;
};
void PrintTo(const Case& c, std::ostream* out) { *out << c.queries << "x" << c.keys << " d" << c.d_head << (c.causal ? " causal" : ""); }

/// A head with its pattern by the plain loop in float64, and each kernel's arguments and truth.
class HeadKernels : public testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    const Case c = GetParam();
    std::mt19937 random(7);
    std::normal_distribution<float> normal;
    q_.resize(static_cast<std::size_t>(c.queries * c.d_head));
    k_.resize(static_cast<std::size_t>(c.keys * c.d_head));
    for (float& value : q_) value = normal(random);
    for (float& value : k_) value = normal(random);
    pattern_.assign(static_cast<std::size_t>(c.queries * c.keys), 0.0);
    lse_.resize(static_cast<std::size_t>(c.queries));
    for (int i = 0; i < c.queries; ++i) softmax_row(i);
    head_ = {q_.data(), k_.data(), lse_.data(), c.d_head, c.d_head, c.queries, c.keys, c.d_head, 1.0F / std::sqrt(static_cast<float>(c.d_head)), c.causal};
  }

  void softmax_row(int i) {
    const Case c = GetParam();
    const int last = c.causal ? std::min(c.keys - 1, i + c.keys - c.queries) : c.keys - 1;
    double sum = 0;
    for (int j = 0; j <= last; ++j) {
      double dot = 0;
      for (int d = 0; d < c.d_head; ++d) dot += static_cast<double>(q_[static_cast<std::size_t>(i * c.d_head + d)]) * k_[static_cast<std::size_t>(j * c.d_head + d)];
      sum += p(i, j) = std::exp(dot / std::sqrt(static_cast<double>(c.d_head)));
    }
    for (int j = 0; j <= last; ++j) p(i, j) /= sum;
    lse_[static_cast<std::size_t>(i)] = static_cast<float>(std::log(sum));
  }
  double& p(std::int64_t i, std::int64_t j) { return pattern_[static_cast<std::size_t>(i * GetParam().keys + j)]; }

  /// Largest difference of the tile's cells from the pattern.
  double tile_error(const AttentionTile& t) {
    double worst = 0;
    for (std::int64_t r = 0; r < t.rows; ++r)
      for (std::int64_t c = 0; c < t.cols; ++c)
        worst = std::max(worst, std::abs(tile_[static_cast<std::size_t>(r * t.cols + c)] - p(t.row0 + r, t.col0 + c)));
    return worst;
  }
  AttentionTile tile(bool part) {
    const Case c = GetParam();
    AttentionTile t{head_};
    t.row0 = part ? c.queries / 3 : 0, t.rows = c.queries - t.row0;
    t.col0 = part ? c.keys / 2 : 0, t.cols = c.keys - t.col0;
    tile_.assign(static_cast<std::size_t>(t.rows * t.cols), -1.0F);
    t.out = tile_.data();
    return t;
  }
  RowStatistics rows() {
    for (auto* v : {&entropy_, &distance_, &largest_}) v->assign(static_cast<std::size_t>(head_.queries), -1.0F);
    key_.assign(static_cast<std::size_t>(head_.queries), -2);
    return {head_, entropy_.data(), distance_.data(), largest_.data(), key_.data()};
  }
  double row_error() {
    double worst = 0;
    for (std::int64_t i = 0; i < head_.queries; ++i) {
      double entropy = 0, distance = 0, largest = 0;
      for (std::int64_t j = 0; j < head_.keys; ++j) {
        if (p(i, j) > 0) entropy -= p(i, j) * std::log(p(i, j));
        distance += p(i, j) * static_cast<double>(std::abs(j - i - (head_.keys - head_.queries)));
        largest = std::max(largest, p(i, j));
      }
      const auto at = static_cast<std::size_t>(i);
      worst = std::max({worst, std::abs(entropy_[at] - entropy), std::abs(distance_[at] - distance) / std::max(1.0, distance), std::abs(largest_[at] - largest)});
      if (key_[at] < 0 || std::abs(p(i, key_[at]) - largest) > 1e-6) worst = 1e9;
    }
    return worst;
  }
  ColumnMass columns() {
    received_.assign(static_cast<std::size_t>(head_.keys), -1.0F);
    return {head_, received_.data()};
  }
  double column_error() {
    double worst = 0;
    for (std::int64_t j = 0; j < head_.keys; ++j) {
      double sum = 0;
      for (std::int64_t i = 0; i < head_.queries; ++i) sum += p(i, j);
      worst = std::max(worst, std::abs(received_[static_cast<std::size_t>(j)] - sum) / std::max(1.0, sum));
    }
    return worst;
  }
  PooledOverview overview() {
    const std::int64_t r = (head_.queries + 2) / 3, c = (head_.keys + 4) / 5;
    most_.assign(static_cast<std::size_t>(r * c), -1.0F);
    mean_ = most_;
    return {head_, most_.data(), mean_.data(), r, c};
  }
  double overview_error(const PooledOverview& o) {
    std::vector<double> most(most_.size()), sum(most_.size()), count(most_.size());
    for (std::int64_t i = 0; i < head_.queries; ++i)
      for (std::int64_t j = 0; j < head_.keys; ++j) {
        const auto cell = static_cast<std::size_t>(i * o.out_rows / head_.queries * o.out_cols + j * o.out_cols / head_.keys);
        most[cell] = std::max(most[cell], p(i, j));
        sum[cell] += p(i, j);
        ++count[cell];
      }
    double worst = 0;
    for (std::size_t x = 0; x < most.size(); ++x) worst = std::max({worst, std::abs(most_[x] - most[x]), std::abs(mean_[x] - sum[x] / count[x])});
    return worst;
  }

  std::vector<float> q_, k_, lse_, tile_, entropy_, distance_, largest_, received_, most_, mean_;
  std::vector<std::int64_t> key_;
  std::vector<double> pattern_;
  HeadView head_;
};

constexpr double kClose = 5e-6;

Grid cells(const AttentionTile& t) { return {blocks_for(t.cols), blocks_for(t.rows)}; }

TEST_P(HeadKernels, TilesEqualThePlainLoop) {
  for (const bool part : {false, true}) {
    const AttentionTile t = tile(part);
    run_on_emulated_grid(t, cells(t));
    EXPECT_LT(tile_error(t), kClose);
  }
}
TEST_P(HeadKernels, RowStatisticsEqualThePlainLoop) {
  run_on_emulated_grid(rows(), {1, blocks_for(head_.queries)});
  EXPECT_LT(row_error(), kClose);
}
TEST_P(HeadKernels, ColumnMassEqualsThePlainLoop) {
  run_on_emulated_grid(columns(), {1, blocks_for(head_.keys)});
  EXPECT_LT(column_error(), kClose);
}
TEST_P(HeadKernels, OverviewsEqualThePlainLoop) {
  const PooledOverview o = overview();
  run_on_emulated_grid(o, {o.out_cols, o.out_rows});
  EXPECT_LT(overview_error(o), kClose);
}

TEST_P(HeadKernels, AForgottenBarrierShows) {
  const AttentionTile t = tile(false);
  run_on_emulated_grid(t, cells(t), Barrier::Missing);
  EXPECT_FALSE(tile_error(t) < kClose);
  run_on_emulated_grid(rows(), {1, blocks_for(head_.queries)}, Barrier::Missing);
  EXPECT_FALSE(row_error() < kClose);
  run_on_emulated_grid(columns(), {1, blocks_for(head_.keys)}, Barrier::Missing);
  EXPECT_FALSE(column_error() < kClose);
  const PooledOverview o = overview();
  run_on_emulated_grid(o, {o.out_cols, o.out_rows}, Barrier::Missing);
  EXPECT_FALSE(overview_error(o) < kClose);
}

TEST_P(HeadKernels, OnTheDeviceAsWell) {
  if (!find_device().kernels) GTEST_SKIP() << find_device().summary();
  AttentionTile t = tile(true);
  const AttentionTile asked = t;
  DeviceCall tiles;
  ASSERT_TRUE(tiles.in(t.head) && tiles.out(t.out, t.rows * t.cols) && tiles.run(t, cells(t)));
  EXPECT_LT(tile_error(asked), kClose);
  RowStatistics r = rows();
  DeviceCall row_call;
  ASSERT_TRUE(row_call.in(r.head) && row_call.out(r.entropy, head_.queries) && row_call.out(r.distance, head_.queries) &&
              row_call.out(r.largest, head_.queries) && row_call.out(r.key, head_.queries) && row_call.run(r, {1, blocks_for(head_.queries)}));
  EXPECT_LT(row_error(), kClose);
  ColumnMass c = columns();
  DeviceCall column_call;
  ASSERT_TRUE(column_call.in(c.head) && column_call.out(c.received, head_.keys) && column_call.run(c, {1, blocks_for(head_.keys)}));
  EXPECT_LT(column_error(), kClose);
  PooledOverview o = overview();
  DeviceCall overviews;
  ASSERT_TRUE(overviews.in(o.head) && overviews.out(o.most, o.out_rows * o.out_cols) && overviews.out(o.mean, o.out_rows * o.out_cols) &&
              overviews.run(o, {o.out_cols, o.out_rows}));
  EXPECT_LT(overview_error(o), kClose);
}

INSTANTIATE_TEST_SUITE_P(Heads, HeadKernels,
                         testing::Values(Case{16, 16, 32, false}, Case{37, 53, 64, false}, Case{65, 65, 24, true}, Case{40, 70, 80, true},
                                         Case{100, 33, 7, false}, Case{31, 95, 33, true}));

TEST(Device, SaysWhatThereIs) {
  const DeviceInfo& info = find_device();
  EXPECT_EQ(info.gpu, info.memory_bytes > 0);
  EXPECT_EQ(info.summary().starts_with("CPU, "), !info.gpu) << info.summary();
  EXPECT_TRUE(info.gpu || !info.kernels);
}

TEST(Device, RefusesMoreBlocksThanAGridHas) {
  DeviceCall call;
  EXPECT_EQ(call.run(AttentionTile(), {1, kMostBlocksY + 1}).error().code, ErrorCode::DoesNotFit);
  EXPECT_EQ(call.run(AttentionTile(), {0, 1}).error().code, ErrorCode::DoesNotFit);
}

}  // namespace
