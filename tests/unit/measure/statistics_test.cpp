#include "engine/measure/statistics.h"

#include <cmath>

#include <gtest/gtest.h>

namespace vitrine::engine {
namespace {

TEST(Entropy, OfAUniformRowIsTheLogarithmOfItsLength) {
  const std::vector<float> p(8, 0.125F);
  EXPECT_NEAR(entropy(p), std::log(8.0), 1e-6);
  const std::vector<float> sure{0, 1, 0};
  EXPECT_EQ(entropy(sure), 0);
}

TEST(Divergence, IsZeroOnlyForEqualDistributions) {
  const std::vector<float> a{1, 2, 3}, b{3, 2, 1};
  const auto p = log_softmax_of(a), q = log_softmax_of(b);
  EXPECT_NEAR(kl_divergence(p, p), 0, 1e-12);
  EXPECT_GT(kl_divergence(p, q), 0.1);
  EXPECT_NEAR(js_divergence(p, q), js_divergence(q, p), 1e-12);
  EXPECT_LT(js_divergence(p, q), std::log(2.0));
}

TEST(Ranks, CountFromTheLargest) {
  const std::vector<float> v{0.1F, 0.7F, 0.2F};
  EXPECT_EQ(top_indices(v, 2), (std::vector<std::int64_t>{1, 2}));
  EXPECT_EQ(rank_of(v, 0), 3);
  const std::vector<double> x{1, 2, 3, 4}, up{2, 4, 6, 9}, down{4, 3, 2, 1};
  EXPECT_DOUBLE_EQ(spearman(x, up), 1);
  EXPECT_DOUBLE_EQ(spearman(x, down), -1);
}

TEST(PrincipalComponents, FindTheLineThatPointsLieOn) {
  std::vector<float> rows;
  for (int i = 0; i < 9; ++i) for (const float d : {1.F, 2.F, -2.F}) rows.push_back(d * static_cast<float>(i - 4));
  const Pca pca = principal_components(rows, 9, 3, 3);
  EXPECT_NEAR(pca.explained[0], 1, 1e-9);
  EXPECT_NEAR(std::abs(pca.projected[0]), 12, 1e-4);
  EXPECT_NEAR(pca.projected[12], 0, 1e-4);
}

}  // namespace
}  // namespace vitrine::engine
