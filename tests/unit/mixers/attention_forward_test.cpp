#include "engine/mixers/attention_forward.h"

#include <sys/resource.h>

#include <cmath>
#include <numeric>
#include <vector>

#include <gtest/gtest.h>

#include "engine/mixers/attention_map.h"
#include "engine/tensor/guard.h"
#include "engine/tensor/ops.h"

namespace vitrine::engine {
namespace {

enum class Bias { None, PerKey, PerHead, PerRow };

struct Case {
  const char* name;
  std::int64_t batch, heads, kv_heads, rows, keys, d, d_value;
  bool causal = false;
  Bias bias = Bias::None;
  double spread = 1;   ///< of queries and keys: how large scores become
};

class AttentionForward : public testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    const Case& c = GetParam();
    // As projections leave them: heads side by side in each token's row.
    q = transpose(randn({c.batch, c.rows, c.heads, c.d}, 1) * c.spread, 1, 2);
    k = transpose(randn({c.batch, c.keys, c.kv_heads, c.d}, 2) * c.spread, 1, 2);
    v = transpose(randn({c.batch, c.keys, c.kv_heads, c.d_value}, 3), 1, 2);
    if (c.bias == Bias::PerKey) bias = randn({c.batch, 1, 1, c.keys}, 4);
    if (c.bias == Bias::PerHead) bias = randn({1, c.heads, c.rows, c.keys}, 4);
    if (c.bias == Bias::PerRow) bias = randn({1, 1, c.rows, 1}, 4);
    got = attention_forward(q, k, v, bias, c.causal, kScale / std::sqrt(static_cast<double>(c.d)));
  }
  /// Largest distances of z and lse from the formula in double precision.
  std::pair<double, double> distance() const {
    const Case& c = GetParam();
    const auto qs = q.to_floats(), ks = k.to_floats(), vs = v.to_floats(), zs = got.z.to_floats(), ls = got.lse.to_floats();
    const auto bs = bias.defined() ? expand(bias, {c.batch, c.heads, c.rows, c.keys}).to_floats() : std::vector<float>();
    double worst_z = 0, worst_lse = 0;
    for (std::int64_t bh = 0; bh < c.batch * c.heads; ++bh)
      for (std::int64_t i = 0; i < c.rows; ++i) {
        const std::int64_t kv = bh / c.heads * c.kv_heads + bh % c.heads / (c.heads / c.kv_heads);
        const std::int64_t end = c.causal ? i + c.keys - c.rows + 1 : c.keys;
        std::vector<double> s(static_cast<std::size_t>(end), 0.0), z(static_cast<std::size_t>(c.d_value), 0.0);
        double most = -1e300, sum = 0;
        for (std::int64_t j = 0; j < end; ++j) {
          double dot = 0;
          for (std::int64_t e = 0; e < c.d; ++e) dot += static_cast<double>(at(qs, (bh * c.rows + i) * c.d + e)) * at(ks, (kv * c.keys + j) * c.d + e);
          dot *= kScale / std::sqrt(static_cast<double>(c.d));
          if (!bs.empty()) dot += at(bs, (bh * c.rows + i) * c.keys + j);
          most = std::max(most, s[static_cast<std::size_t>(j)] = dot);
        }
        for (std::int64_t j = 0; j < end; ++j) {
          const double p = std::exp(s[static_cast<std::size_t>(j)] - most);
          sum += p;
          for (std::int64_t e = 0; e < c.d_value; ++e) z[static_cast<std::size_t>(e)] += p * at(vs, (kv * c.keys + j) * c.d_value + e);
        }
        worst_lse = std::max(worst_lse, std::abs(most + std::log(sum) - at(ls, bh * c.rows + i)) / std::max(1.0, std::abs(most)));
        for (std::int64_t e = 0; e < c.d_value; ++e)
          worst_z = std::max(worst_z, std::abs(z[static_cast<std::size_t>(e)] / sum - at(zs, (bh * c.rows + i) * c.d_value + e)));
      }
    return {worst_z, worst_lse};
  }

  static constexpr double kScale = 1.3;
  Tensor q, k, v, bias;
  FusedAttention got;

 private:
  static float at(const std::vector<float>& x, std::int64_t i) { return x[static_cast<std::size_t>(i)]; }
};

TEST_P(AttentionForward, IsTheFormula) {
  const auto [z, lse] = distance();
  const double spread = GetParam().spread;
  EXPECT_LT(z, 3e-6 * spread * spread);
  EXPECT_LT(lse, 3e-6);
}

TEST_P(AttentionForward, LeavesFactorsWhoseMapGivesItsOutput) {
  const Case& c = GetParam();
  const auto map = attention_map({q, k, v, got.lse, got.z, bias, c.causal, kScale / std::sqrt(static_cast<double>(c.d))});
  const Tensor values = map->values();
  for (int head = 0; head < map->heads(); ++head) {
    const auto tile = map->tile(0, head, 0, c.rows, 0, c.keys);
    ASSERT_TRUE(tile);
    const Tensor out = matmul(*tile, select(select(values, 0, 0), 0, head));
    EXPECT_LT(max_abs(out - select(select(got.z, 0, 0), 0, head)), 1e-5 * c.spread * c.spread) << "head " << head;
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, AttentionForward,
                         testing::Values(Case{"smallest", 1, 1, 1, 8, 8, 16, 16}, Case{"one_key", 1, 2, 2, 9, 1, 16, 16},
                                         Case{"one_query", 2, 2, 2, 1, 70, 32, 32, true}, Case{"one_of_each", 1, 2, 1, 1, 1, 8, 8, true},
                                         Case{"full", 2, 3, 3, 131, 131, 64, 64}, Case{"causal", 2, 3, 3, 131, 131, 64, 64, true},
                                         Case{"causal_long", 1, 2, 2, 901, 901, 64, 64, true}, Case{"long", 1, 2, 2, 77, 1000, 64, 64},
                                         Case{"cached", 1, 4, 4, 33, 500, 64, 64, true}, Case{"grouped", 2, 9, 3, 130, 130, 64, 64, true},
                                         Case{"one_key_head", 1, 8, 1, 65, 65, 40, 40}, Case{"odd_width", 1, 2, 2, 50, 97, 37, 37, true},
                                         Case{"wide", 1, 2, 2, 60, 97, 128, 128}, Case{"narrow_values", 1, 2, 2, 49, 49, 24, 7, true},
                                         Case{"wide_values", 1, 2, 2, 49, 49, 16, 100}, Case{"bias_of_keys", 3, 2, 2, 50, 70, 32, 32, false, Bias::PerKey},
                                         Case{"bias_of_heads", 2, 4, 2, 100, 100, 32, 32, true, Bias::PerHead},
                                         Case{"bias_of_rows", 2, 4, 2, 20, 30, 32, 32, false, Bias::PerRow},
                                         Case{"large_scores", 1, 2, 2, 100, 450, 64, 64, true, Bias::None, 12}),
                         [](const auto& info) { return info.param.name; });

TEST(AttentionForwardTerms, AHiddenKeyWeighsNothing) {
  const Tensor q = randn({1, 1, 20, 16}, 1), k = randn({1, 1, 60, 16}, 2), v = randn({1, 1, 60, 16}, 3);
  const Tensor hidden = slice_scatter(zeros({1, 1, 1, 60}), full({1, 1, 1, 11}, -1e30), 3, 49, 60);
  const auto masked = attention_forward(q, k, v, hidden, false, 0.25), shorter = attention_forward(q, slice(k, 2, 0, 49), slice(v, 2, 0, 49), Tensor(), false, 0.25);
  EXPECT_LT(max_abs(masked.z - shorter.z), 1e-6);
  EXPECT_LT(max_abs(masked.lse - shorter.lse), 1e-6);
}

TEST(AttentionForwardTerms, ARowThatSeesNothingIsTheMean) {
  const Tensor q = randn({1, 2, 20, 16}, 1), k = randn({1, 2, 60, 16}, 2), v = randn({1, 2, 60, 16}, 3);
  const auto masked = attention_forward(q, k, v, full({1, 1, 1, 60}, -1e30), false, 0.25);
  EXPECT_LT(max_abs(masked.z - mean(v, {2}, true)), 1e-6);
}

TEST(AttentionForwardTerms, NotANumberStaysSeen) {
  const Tensor k = randn({1, 1, 60, 16}, 2), v = randn({1, 1, 60, 16}, 3);
  const Tensor q = slice_scatter(randn({1, 1, 20, 16}, 1), full({1, 1, 1, 16}, std::nan("")), 2, 7, 8);
  const auto z = attention_forward(q, k, v, Tensor(), false, 0.25).z.to_floats();
  EXPECT_TRUE(std::isnan(z[7 * 16]));
  EXPECT_FALSE(std::isnan(z[6 * 16]));
  EXPECT_FALSE(std::isnan(z[8 * 16]));
}

TEST(AttentionForwardTerms, Bfloat16IsComputedWide) {
  const Tensor q = to(randn({1, 4, 100, 64}, 1), DType::BF16), k = to(randn({1, 2, 100, 64}, 2), DType::BF16), v = to(randn({1, 2, 100, 64}, 3), DType::BF16);
  const auto narrow = attention_forward(q, k, v, Tensor(), true, 0.125);
  const auto wide = attention_forward(to(q, DType::F32), to(k, DType::F32), to(v, DType::F32), Tensor(), true, 0.125);
  EXPECT_EQ(narrow.z.dtype(), DType::BF16);
  EXPECT_LT(max_abs(to(narrow.z, DType::F32) - wide.z), 0.02);
  EXPECT_EQ(max_abs(narrow.lse - wide.lse), 0);
}

std::int64_t peak_bytes() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return std::int64_t{usage.ru_maxrss} * 1024;
}

TEST(AttentionForwardMemory, NeverHoldsThePattern) {
  constexpr std::int64_t kTokens = 16384;   // whose pattern takes 1.07 GB
  const Tensor q = randn({1, 1, kTokens, 16}, 1), k = randn({1, 1, kTokens, 16}, 2), v = randn({1, 1, kTokens, 16}, 3);
  const std::int64_t before = peak_bytes();
  const auto got = attention_forward(q, k, v, Tensor(), false, 0.25);
  const auto map = attention_map({q, k, v, got.lse, got.z, Tensor(), false, 0.25});
  const auto found = map->statistics(0, 0, {.profile = true, .top_k = 4});
  const auto picture = map->overview(0, 0, {.row1 = kTokens, .col1 = kTokens, .out_rows = 200, .out_cols = 200});
  const auto row = map->tile(0, 0, kTokens - 1, kTokens, 0, kTokens);
  ASSERT_TRUE(found && picture && row);
  EXPECT_LT(peak_bytes() - before, std::int64_t{64} << 20);
  EXPECT_NEAR(sum_all(*row).item(), 1, 1e-4);
  EXPECT_NEAR(std::accumulate(found->received.begin(), found->received.end(), 0.0), static_cast<double>(kTokens), 1e-4 * kTokens);
}

}  // namespace
}  // namespace vitrine::engine
