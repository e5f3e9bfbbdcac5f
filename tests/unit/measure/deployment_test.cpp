#include "engine/measure/deployment.h"

#include <cmath>

#include <gtest/gtest.h>

namespace vitrine::engine {
namespace {

/// The running example of arXiv:2405.08944: 34 billion parameters in 16 bits, 60 layers, 8 key-value heads of 128.
Service yi_34b(std::int64_t context) {
  Service s;
  s.weight_bytes = 68e9;
  s.context = context;
  s.generates = true;
  s.state_of = [](std::int64_t tokens) { return 2.0 * 2 * 60 * 8 * 128 * static_cast<double>(tokens); };
  s.prefill = {.linear_flops = 2 * 34e9 * static_cast<double>(context), .weights = 68e9};
  s.step = {.linear_flops = 2 * 34e9, .weights = 68e9, .state = s.state_of(context)};
  return s;
}

Device a100() {
  Device d{.id = "a100", .name = "A100"};
  d.memory = 80e9;
  d.bandwidth = 2e12;
  d.fp32 = 19.5e12;
  d.half = 312e12;
  d.int8 = 624e12;
  d.host_link = 20e9;
  return d;
}

TEST(Deployment, OfThePapersExampleHasItsNumbers) {
  const Deployment d = deployment_of(yi_34b(50'000), a100(), Precision::Half);
  EXPECT_DOUBLE_EQ(d.state, 12.288e9);            // 245,760 bytes a token: 11.4 GiB at 50 thousand, 22.9 at 100 thousand
  EXPECT_EQ(d.users, 0);                          // 80 GB less 68 are 12 GB
  EXPECT_NEAR(d.missing, 0.288e9, 1);
  EXPECT_EQ(d.longest_context, 48828);            // 12e9 / 245,760
  EXPECT_EQ(deployment_of(yi_34b(4096), a100(), Precision::Half).users, 11);
  EXPECT_DOUBLE_EQ(d.step_seconds, (68e9 + 12.288e9) / 2e12);
  EXPECT_EQ(d.step_bound, "memory");
  EXPECT_EQ(d.prefill_bound, "operations");
  EXPECT_DOUBLE_EQ(d.prefill_seconds, 3.4e15 / 312e12);
  EXPECT_DOUBLE_EQ(d.switch_seconds, 2 * 12.288e9 / 20e9);
}

TEST(Deployment, GivesUsersTheSameWeightsAndEachItsOwnState) {
  const Service s = yi_34b(4096);
  const Deployment d = deployment_of(s, a100(), Precision::Half);
  EXPECT_DOUBLE_EQ(d.full_step_seconds, (68e9 + 11 * s.step.state) / 2e12);
  EXPECT_GT(11 / d.full_step_seconds, 9 / d.step_seconds);   // nine times the tokens of one, and more
}

TEST(Deployment, SaysHowManyBytesOfTheWeightsAreMissing) {
  Device small = a100();
  small.memory = 24e9;
  const Deployment d = deployment_of(yi_34b(4096), small, Precision::Half);
  EXPECT_FALSE(d.fits);
  EXPECT_EQ(d.users, 0);
  EXPECT_EQ(d.longest_context, 0);
  EXPECT_DOUBLE_EQ(d.missing, 68e9 - 24e9 + d.state);
}

TEST(Deployment, OfAStateThatDoesNotGrowHasNoLongestContext) {
  Service s = yi_34b(4096);
  s.state_of = [](std::int64_t) { return 1e6; };
  const Deployment d = deployment_of(s, a100(), Precision::Half);
  EXPECT_EQ(d.longest_context, Deployment::kNoEnd);
  EXPECT_EQ(d.users, 12000);
}

TEST(Deployment, OfAWindowEndsWhereItsKeysDo) {
  Service s = yi_34b(100'000);
  s.state_of = [](std::int64_t tokens) { return 245760.0 * static_cast<double>(std::min<std::int64_t>(tokens, 4096)); };
  const Deployment d = deployment_of(s, a100(), Precision::Half);
  EXPECT_EQ(d.users, 11);
  EXPECT_EQ(d.longest_context, Deployment::kNoEnd);
}

TEST(Deployment, OfAModelThatDoesNotGenerateKeepsNothing) {
  Service s = yi_34b(512);
  s.generates = false;
  const Deployment d = deployment_of(s, a100(), Precision::Half);
  EXPECT_EQ(d.state, 0);
  EXPECT_EQ(d.step_seconds, 0);
  EXPECT_TRUE(d.fits);
  EXPECT_GT(d.prefill_seconds, 0);
}

TEST(Deployment, OfFewerBytesPerWeightNeedsFewerAndComputesQuicker) {
  EXPECT_EQ(weight_bytes(Precision::Fp32), 4);
  EXPECT_EQ(weight_bytes(Precision::Half), 2);
  EXPECT_EQ(weight_bytes(Precision::Int8), 1);
  const Service s = yi_34b(4096);
  EXPECT_DOUBLE_EQ(deployment_of(s, a100(), Precision::Half).prefill_seconds, 2 * deployment_of(s, a100(), Precision::Int8).prefill_seconds);
}

}  // namespace
}  // namespace vitrine::engine
