#include <array>
#include <cmath>
#include <random>

#include <gtest/gtest.h>

#include "engine/mixers/attention_map.h"
#include "engine/mixers/attention_statistics.h"
#include "engine/tensor/attention.h"
#include "engine/tensor/ops.h"

namespace {

using namespace vitrine::engine;

struct Shape2 {
  std::int64_t n;
  int heads, kv_heads;
  bool causal;
};

std::shared_ptr<const MixingMap> attention(const Shape2& s) {
  const Tensor q = randn({2, s.heads, s.n, 16}, 1), k = randn({2, s.kv_heads, s.n, 16}, 2), v = randn({2, s.kv_heads, s.n, 16}, 3);
  const FusedAttention fused = fused_attention(q, k, v, {}, s.causal, 0.25);
  return attention_map({q, k, v, fused.lse, fused.z, {}, s.causal, 0.25});
}

class Maps : public testing::TestWithParam<Shape2> {
 protected:
  std::shared_ptr<const MixingMap> map_ = attention(GetParam());
};

TEST_P(Maps, OverviewEqualsPoolingByHandAtEveryLevel) {
  const std::int64_t n = GetParam().n;
  const auto whole = map_->tile(1, 1, 0, n, 0, n);
  ASSERT_TRUE(whole);
  const auto cells = whole->to_floats();
  for (const auto [r0, r1, c0, c1] : std::vector<std::array<std::int64_t, 4>>{{0, n, 0, n}, {n / 4, n, 0, n / 2 + 1}})
    for (std::int64_t side = 1; side <= std::min(r1 - r0, c1 - c0); side = side * 2 + 1) {
      const auto got = map_->overview(1, 1, {r0, r1, c0, c1, side, side});
      ASSERT_TRUE(got) << got.error().message;
      std::vector<float> most(static_cast<std::size_t>(side * side)), count(most.size());
      std::vector<double> sum(most.size());
      for (std::int64_t r = r0; r < r1; ++r)
        for (std::int64_t c = c0; c < c1; ++c) {
          const auto cell = static_cast<std::size_t>((r - r0) * side / (r1 - r0) * side + (c - c0) * side / (c1 - c0));
          most[cell] = std::max(most[cell], cells[static_cast<std::size_t>(r * n + c)]);
          sum[cell] += cells[static_cast<std::size_t>(r * n + c)];
          ++count[cell];
        }
      for (std::size_t i = 0; i < most.size(); ++i) {
        ASSERT_NEAR(got->most[i], most[i], 1e-6) << side << ' ' << i;
        ASSERT_NEAR(got->mean[i], sum[i] / count[i], 1e-6) << side << ' ' << i;
      }
    }
}

TEST_P(Maps, BlocksOfAPyramidLevelEqualThoseOfTheLevelBelow) {
  const std::int64_t n = GetParam().n;
  OverviewRequest fine{.row1 = n, .col1 = n, .block = 1};
  auto below = map_->overview(0, 0, fine);
  ASSERT_TRUE(below);
  for (std::int64_t block = 2; block < 2 * n; block *= 2) {
    const auto level = map_->overview(0, 0, {.row1 = n, .col1 = n, .block = block});
    ASSERT_TRUE(level);
    ASSERT_EQ(level->rows, (n + block - 1) / block);
    for (std::int64_t r = 0; r < level->rows; ++r)
      for (std::int64_t c = 0; c < level->cols; ++c) {
        float most = 0;
        for (std::int64_t y = 2 * r; y < std::min(below->rows, 2 * r + 2); ++y)
          for (std::int64_t x = 2 * c; x < std::min(below->cols, 2 * c + 2); ++x) most = std::max(most, below->most[static_cast<std::size_t>(y * below->cols + x)]);
        ASSERT_NEAR(level->most[static_cast<std::size_t>(r * level->cols + c)], most, 1e-6) << block << ' ' << r << ' ' << c;
      }
    below = level;
  }
}

TEST_P(Maps, SamplesAreCellsOfTheMap) {
  const std::int64_t n = GetParam().n;
  const auto whole = map_->tile(0, 1, 0, n, 0, n);
  ASSERT_TRUE(whole);
  const auto cells = whole->to_floats();
  const OverviewRequest request{.row0 = n / 5, .row1 = n, .col1 = n, .block = 3, .sampled = true};
  const auto got = map_->overview(0, 1, request);
  ASSERT_TRUE(got);
  for (std::int64_t r = 0; r < got->rows; ++r)
    for (std::int64_t c = 0; c < got->cols; ++c) {
      const std::int64_t i = request.row0 + (request.rows().begin(r) + request.rows().begin(r + 1) - 1) / 2;
      const std::int64_t j = (request.cols().begin(c) + request.cols().begin(c + 1) - 1) / 2;
      ASSERT_NEAR(got->most[static_cast<std::size_t>(r * got->cols + c)], cells[static_cast<std::size_t>(i * n + j)], 1e-6) << r << ' ' << c;
    }
}

TEST_P(Maps, FusedStatisticsEqualThoseOfTiles) {
  StatisticsRequest request{.profile = true, .top_k = 4};
  request.key_sets.emplace_back(static_cast<std::size_t>(map_->cols()), 0.0F)[0] = 1;
  const auto fused = map_->statistics(0, 1, request), tiled = tiled_statistics(*map_, 0, 1, request, {});
  ASSERT_TRUE(fused && tiled);
  const auto near = [](const std::vector<float>& a, const std::vector<float>& b, const char* what) {
    ASSERT_EQ(a.size(), b.size()) << what;
    for (std::size_t i = 0; i < a.size(); ++i) ASSERT_NEAR(a[i], b[i], 2e-5 * std::max(1.0F, std::abs(b[i]))) << what << ' ' << i;
  };
  near(fused->entropy, tiled->entropy, "entropy");
  near(fused->distance, tiled->distance, "distance");
  near(fused->top, tiled->top, "largest");
  near(fused->mass[0], tiled->mass[0], "mass");
  near(fused->received, tiled->received, "received");
  near(fused->profile, tiled->profile, "profile");
}

TEST_P(Maps, TileTimesValuesIsWhatAttentionGave) {
  for (int head = 0; head < map_->heads(); ++head) {
    const auto residual = map_residual(*map_, 1, head);
    ASSERT_TRUE(residual);
    EXPECT_LT(*residual, 1e-5);
  }
}

INSTANTIATE_TEST_SUITE_P(Softmax, Maps, testing::Values(Shape2{7, 2, 2, false}, Shape2{130, 4, 2, true}, Shape2{333, 2, 1, false}, Shape2{700, 2, 2, true}),
                         [](const auto& info) { return "n" + std::to_string(info.param.n) + (info.param.causal ? "_causal" : ""); });

TEST(OverviewRefuses, WhatIsNotInTheMap) {
  const auto map = attention({7, 2, 2, false});
  EXPECT_EQ(map->overview(0, 0, {0, 8, 0, 7, 2, 2}).error().code, ErrorCode::Usage);
  EXPECT_EQ(map->overview(0, 0, {0, 7, 0, 7, 8, 2}).error().code, ErrorCode::Usage);
  EXPECT_EQ(map->overview(0, 5, {0, 7, 0, 7, 2, 2}).error().code, ErrorCode::Usage);
}

}  // namespace
