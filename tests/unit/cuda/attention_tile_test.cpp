#include "engine/cuda/attention_tile.h"

#include <cmath>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "engine/cuda/device.h"
#include "engine/cuda/kernels.h"

namespace {

using namespace vitrine::engine;
using namespace vitrine::engine::cuda;

/// Runs the body phase by phase over every thread of every block: what a barrier means on the device.
void run_on_emulated_grid(const AttentionTile& tile) {
  const auto blocks = [](std::int64_t n) { return static_cast<int>((n + kTileSide - 1) / kTileSide); };
  for (int by = 0; by < blocks(tile.rows); ++by)
    for (int bx = 0; bx < blocks(tile.cols); ++bx) {
      AttentionTileShared shared;
      std::vector<float> sums(kTileSide * kTileSide, 0.0f);
      const auto every_thread = [&](auto&& phase) {
        for (int ty = 0; ty < kTileSide; ++ty)
          for (int tx = 0; tx < kTileSide; ++tx) phase(tx, ty, sums[ty * kTileSide + tx]);
      };
      for (int depth = 0; depth < tile.d_head; depth += kDepthStep) {
        every_thread([&](int tx, int ty, float&) { attention_tile_load(tile, shared, bx, by, tx, ty, depth); });
        every_thread([&](int tx, int ty, float& sum) { sum = attention_tile_dot(shared, tx, ty, sum); });
      }
      every_thread([&](int tx, int ty, float& sum) { attention_tile_store(tile, bx, by, tx, ty, sum); });
    }
}

struct Case {
  int queries, keys, d_head;
  bool causal;
  int row0, rows, col0, cols;
};
void PrintTo(const Case& c, std::ostream* out) {
  *out << c.queries << "x" << c.keys << " d" << c.d_head << (c.causal ? " causal" : "") << " rows " << c.row0 << "+" << c.rows
       << " cols " << c.col0 << "+" << c.cols;
}

class AttentionTileTest : public testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    const Case c = GetParam();
    std::mt19937 random(7);
    std::normal_distribution<float> normal;
    for (auto* values : {&q_, &k_}) values->resize(static_cast<std::size_t>((values == &q_ ? c.queries : c.keys) * c.d_head));
    for (float& value : q_) value = normal(random);
    for (float& value : k_) value = normal(random);
    scale_ = 1.0f / std::sqrt(static_cast<float>(c.d_head));
    full_.assign(static_cast<std::size_t>(c.queries * c.keys), 0.0);
    lse_.resize(static_cast<std::size_t>(c.queries));
    for (int i = 0; i < c.queries; ++i) softmax_row(c, i);
    tile_.resize(static_cast<std::size_t>(c.rows * c.cols), -1.0f);
  }

  /// The plain loop in float64.
  void softmax_row(const Case& c, int i) {
    const int last = c.causal ? std::min(c.keys - 1, i + c.keys - c.queries) : c.keys - 1;
    double sum = 0;
    for (int j = 0; j <= last; ++j) {
      double dot = 0;
      for (int d = 0; d < c.d_head; ++d) dot += static_cast<double>(q_[i * c.d_head + d]) * k_[j * c.d_head + d];
      sum += full_[i * c.keys + j] = std::exp(dot * scale_);
    }
    for (int j = 0; j <= last; ++j) full_[i * c.keys + j] /= sum;
    lse_[i] = static_cast<float>(std::log(sum));
  }

  AttentionTile request() {
    const Case c = GetParam();
    AttentionTile tile;
    tile.q = q_.data();
    tile.k = k_.data();
    tile.lse = lse_.data();
    tile.out = tile_.data();
    tile.q_stride = tile.k_stride = c.d_head;
    tile.row0 = c.row0, tile.rows = c.rows, tile.col0 = c.col0, tile.cols = c.cols;
    tile.d_head = c.d_head;
    tile.scale = scale_;
    tile.causal = c.causal;
    tile.causal_offset = c.keys - c.queries;
    return tile;
  }

  void expect_equals_the_plain_loop(const std::vector<float>& tile) const {
    const Case c = GetParam();
    ASSERT_EQ(tile.size(), static_cast<std::size_t>(c.rows * c.cols));
    for (int r = 0; r < c.rows; ++r)
      for (int j = 0; j < c.cols; ++j)
        ASSERT_NEAR(tile[r * c.cols + j], full_[(c.row0 + r) * c.keys + c.col0 + j], 1e-6) << "at " << r << ", " << j;
  }

  std::vector<float> q_, k_, lse_, tile_;
  std::vector<double> full_;
  float scale_ = 1;
};

TEST_P(AttentionTileTest, EmulatedGridEqualsThePlainLoop) {
  run_on_emulated_grid(request());
  expect_equals_the_plain_loop(tile_);
}

TEST_P(AttentionTileTest, DeviceEqualsThePlainLoop) {
  if (!find_device().kernels) GTEST_SKIP() << find_device().summary();
  const auto tile = attention_tile_on_device(request(), GetParam().queries, GetParam().keys);
  ASSERT_TRUE(tile) << sentence(tile.error());
  expect_equals_the_plain_loop(*tile);
}

INSTANTIATE_TEST_SUITE_P(Cases, AttentionTileTest,
                         testing::Values(Case{16, 16, 32, false, 0, 16, 0, 16}, Case{37, 53, 64, false, 0, 37, 0, 53},
                                         Case{65, 65, 24, true, 0, 65, 0, 65}, Case{40, 70, 80, true, 3, 20, 11, 50},
                                         Case{9, 9, 1, true, 8, 1, 0, 9}, Case{100, 33, 7, false, 50, 17, 32, 1}));

TEST(Device, SaysWhatThereIs) {
  const DeviceInfo& info = find_device();
  EXPECT_EQ(info.gpu, info.memory_bytes > 0);
  EXPECT_EQ(info.summary().starts_with("CPU, "), !info.gpu) << info.summary();
  EXPECT_TRUE(info.gpu || !info.kernels);
}

}  // namespace
