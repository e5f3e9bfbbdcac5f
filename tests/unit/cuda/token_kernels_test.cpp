#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

#include <gtest/gtest.h>

#include "engine/cuda/device.h"
#include "engine/cuda/kernels.h"
#include "tests/unit/cuda/emulated_grid.h"

namespace {

using namespace vitrine::engine;
using namespace vitrine::engine::cuda;

std::vector<float> normal(std::int64_t n, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> draw;
  std::vector<float> values(static_cast<std::size_t>(n));
  for (float& v : values) v = draw(random);
  return values;
}

struct Codes {
  std::int64_t tokens, codes;
  int width, k;
};

class CodeChoice : public testing::TestWithParam<Codes> {
 protected:
  CodebookAssignment request() {
    const Codes c = GetParam();
    x_ = normal(c.tokens * c.width, 1);
    codes_ = normal(c.codes * c.width, 2);
    std::copy_n(codes_.begin(), c.width, codes_.end() - c.width);   // the last code equals the first: a tie
    chosen_.assign(static_cast<std::size_t>(c.tokens * c.k), -1);
    score_.assign(chosen_.size(), 0.0F);
    return {x_.data(), codes_.data(), c.tokens, c.codes, c.width, c.k, chosen_.data(), score_.data()};
  }
  bool right() const {
    const Codes c = GetParam();
    for (std::int64_t t = 0; t < c.tokens; ++t) {
      std::vector<float> s(static_cast<std::size_t>(c.codes));
      for (std::int64_t j = 0; j < c.codes; ++j) {
        double dot = 0;
        for (int d = 0; d < c.width; ++d) dot += double{x_[static_cast<std::size_t>(t * c.width + d)]} * codes_[static_cast<std::size_t>(j * c.width + d)];
        s[static_cast<std::size_t>(j)] = static_cast<float>(dot);
      }
      std::vector<std::int64_t> order(s.size());
      std::iota(order.begin(), order.end(), 0);
      std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return s[static_cast<std::size_t>(a)] > s[static_cast<std::size_t>(b)]; });
      for (int i = 0; i < c.k; ++i) {
        const auto at = static_cast<std::size_t>(t * c.k + i);
        if (chosen_[at] != order[static_cast<std::size_t>(i)] || std::abs(score_[at] - s[static_cast<std::size_t>(chosen_[at])]) > 1e-4F) return false;
      }
    }
    return true;
  }
  std::vector<float> x_, codes_, score_;
  std::vector<std::int64_t> chosen_;
};

TEST_P(CodeChoice, IsTheSortedRows) {
  run_on_emulated_grid(request(), {1, blocks_for(GetParam().tokens)});
  EXPECT_TRUE(right());
}
TEST_P(CodeChoice, AForgottenBarrierShows) {
  run_on_emulated_grid(request(), {1, blocks_for(GetParam().tokens)}, Barrier::Missing);
  EXPECT_FALSE(right());
}
TEST_P(CodeChoice, OnTheDeviceAsWell) {
  if (!find_device().kernels) GTEST_SKIP() << find_device().summary();
  CodebookAssignment c = request();
  DeviceCall call;
  ASSERT_TRUE(call.in(c.x, c.tokens * c.width) && call.in(c.codes, c.n_codes * c.width) && call.out(c.chosen, c.tokens * c.k) &&
              call.out(c.score, c.tokens * c.k) && call.run(c, {1, blocks_for(c.tokens)}));
  EXPECT_TRUE(right());
}
INSTANTIATE_TEST_SUITE_P(Books, CodeChoice, testing::Values(Codes{33, 100, 16, 1}, Codes{18, 67, 33, 8}, Codes{40, 17, 7, 3}));

struct Layer {
  std::int64_t variants, tokens;
  int heads, d_head, d_model;
  bool replace;
};

class Ablation : public testing::TestWithParam<Layer> {
 protected:
  HeadAblation request() {
    const Layer l = GetParam();
    const std::int64_t all = l.heads * l.d_head;
    z_ = normal(l.tokens * all, 1);
    w_ = normal(l.d_model * all, 2);
    replacement_ = normal(l.variants * l.tokens * l.d_head, 3);
    y_.assign(static_cast<std::size_t>(l.tokens * l.d_model), 0.0F);
    project(z_, y_.data());
    for (std::int64_t v = 0; v < l.variants; ++v) heads_.push_back(v % l.heads);
    out_.assign(static_cast<std::size_t>(l.variants * l.tokens * l.d_model), -1.0F);
    return {y_.data(), z_.data(), w_.data(), heads_.data(), l.replace ? replacement_.data() : nullptr, out_.data(), l.variants, l.tokens, l.heads, l.d_head, l.d_model};
  }
  Grid grid() const { return {blocks_for(GetParam().d_model), GetParam().variants * blocks_for(GetParam().tokens)}; }
  void project(const std::vector<float>& z, float* out) const {
    const Layer l = GetParam();
    const std::int64_t all = l.heads * l.d_head;
    for (std::int64_t t = 0; t < l.tokens; ++t)
      for (std::int64_t o = 0; o < l.d_model; ++o) {
        double sum = 0;
        for (std::int64_t i = 0; i < all; ++i) sum += double{z[static_cast<std::size_t>(t * all + i)]} * w_[static_cast<std::size_t>(o * all + i)];
        out[t * l.d_model + o] = static_cast<float>(sum);
      }
  }
  /// Against projecting the changed heads anew.
  double error() const {
    const Layer l = GetParam();
    double worst = 0;
    std::vector<float> whole(static_cast<std::size_t>(l.tokens * l.d_model));
    for (std::int64_t v = 0; v < l.variants; ++v) {
      auto z = z_;
      for (std::int64_t t = 0; t < l.tokens; ++t)
        for (int d = 0; d < l.d_head; ++d)
          z[static_cast<std::size_t>((t * l.heads + heads_[static_cast<std::size_t>(v)]) * l.d_head + d)] =
              l.replace ? replacement_[static_cast<std::size_t>((v * l.tokens + t) * l.d_head + d)] : 0.0F;
      project(z, whole.data());
      for (std::size_t i = 0; i < whole.size(); ++i) worst = std::max<double>(worst, std::abs(whole[i] - out_[static_cast<std::size_t>(v) * whole.size() + i]));
    }
    return worst;
  }
  std::vector<float> y_, z_, w_, replacement_, out_;
  std::vector<std::int64_t> heads_;
};

TEST_P(Ablation, EqualsProjectingTheChangedHeads) {
  run_on_emulated_grid(request(), grid());
  EXPECT_LT(error(), 1e-4);
}
TEST_P(Ablation, AForgottenBarrierShows) {
  run_on_emulated_grid(request(), grid(), Barrier::Missing);
  EXPECT_FALSE(error() < 1e-4);
}
TEST_P(Ablation, OnTheDeviceAsWell) {
  if (!find_device().kernels) GTEST_SKIP() << find_device().summary();
  HeadAblation a = request();
  DeviceCall call;
  ASSERT_TRUE(call.in(a.y, a.tokens * a.d_model) && call.in(a.z, a.tokens * a.n_heads * a.d_head) && call.in(a.w, a.d_model * a.n_heads * a.d_head) &&
              call.in(a.head, a.variants) && call.in(a.replacement, a.variants * a.tokens * a.d_head) &&
              call.out(a.out, a.variants * a.tokens * a.d_model) && call.run(a, grid()));
  EXPECT_LT(error(), 1e-4);
}
INSTANTIATE_TEST_SUITE_P(Layers, Ablation, testing::Values(Layer{3, 16, 3, 32, 16, false}, Layer{5, 19, 4, 9, 37, true}, Layer{2, 33, 2, 40, 50, false}));

TEST(RaggedSoftmax, EqualsEachRowAlone) {
  const std::vector<std::int64_t> offsets{0, 1, 1, 257, 1000, 1016};
  const auto scores = normal(offsets.back(), 4);
  for (const Barrier barrier : {Barrier::Kept, Barrier::Missing}) {
    std::vector<float> out(scores.size(), -1.0F), lse(offsets.size() - 1, -1.0F);
    run_on_emulated_grid(PackedSoftmax{scores.data(), offsets.data(), 5, out.data(), lse.data()}, {1, 5}, barrier);
    double worst = 0;
    for (std::size_t r = 0; r + 1 < offsets.size(); ++r) {
      double sum = 0;
      for (auto j = offsets[r]; j < offsets[r + 1]; ++j) sum += std::exp(double{scores[static_cast<std::size_t>(j)]});
      for (auto j = offsets[r]; j < offsets[r + 1]; ++j)
        worst = std::max(worst, std::abs(out[static_cast<std::size_t>(j)] - std::exp(double{scores[static_cast<std::size_t>(j)]}) / sum));
      if (offsets[r] == offsets[r + 1]) EXPECT_EQ(lse[r], -INFINITY);
      else worst = std::max(worst, std::abs(lse[r] - std::log(sum)));
    }
    EXPECT_EQ(worst < 1e-6, barrier == Barrier::Kept) << worst;
  }
}

}  // namespace
