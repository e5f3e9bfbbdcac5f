#include "engine/run/parity_compare.h"

#include <cmath>

#include <gtest/gtest.h>

#include "engine/run/parity_names.h"

namespace vitrine::engine {
namespace {

HostTensor tensor(std::vector<std::int64_t> shape, std::vector<float> values) { return {std::move(shape), std::move(values), false, false}; }

ParityRow compared(const HostTensor& expected, const HostTensor& ours, const ParityRule& rule = {}) {
  ParityRow row;
  compare_parity(expected, ours, rule, row);
  return row;
}

TEST(ParityCompare, FindsTheLargestDifference) {
  const auto row = compared(tensor({2, 2}, {1, 2, 3, 4}), tensor({2, 2}, {1, 2.00005F, 3, 4.5F}));
  EXPECT_EQ(row.state, ParityRow::State::Fail);
  EXPECT_NEAR(row.max_abs_diff, 0.5, 1e-6);
  EXPECT_EQ(row.note, "1 of 4 values differ by more");
}

TEST(ParityCompare, LeavesPaddedRowsOutAndOnlyThose) {
  const HostTensor mask = tensor({1, 3}, {1, 1, 0});
  ParityRule rule;
  rule.mask = &mask;
  rule.token_axis = 1;
  const HostTensor expected = tensor({1, 3, 2}, {1, 1, 2, 2, 0, 0});
  EXPECT_EQ(compared(expected, tensor({1, 3, 2}, {1, 1, 2, 2, 9, 9}), rule).state, ParityRow::State::Pass);
  EXPECT_EQ(compared(expected, tensor({1, 3, 2}, {1, 1, 2, 9, 0, 0}), rule).state, ParityRow::State::Fail);
}

TEST(ParityCompare, NeverPassesWhatIsNotANumber) {
  EXPECT_EQ(compared(tensor({1}, {1}), tensor({1}, {NAN})).state, ParityRow::State::Fail);
  EXPECT_EQ(compared(tensor({1}, {NAN}), tensor({1}, {NAN})).state, ParityRow::State::Fail);
}

TEST(ParityCompare, RefusesOtherShapes) {
  EXPECT_EQ(compared(tensor({2, 3}, std::vector<float>(6)), tensor({3, 2}, std::vector<float>(6))).state, ParityRow::State::Fail);
  EXPECT_EQ(compared(tensor({1, 2}, {1, 2}), tensor({2, 2}, {1, 2, 3, 4})).note, "first 1 of 2 along axis 0");
}

TEST(ParityCompare, WantsEqualIntegers) {
  HostTensor expected = tensor({2}, {5, 7});
  expected.integer = true;
  EXPECT_EQ(compared(expected, tensor({2}, {5, 8})).state, ParityRow::State::Fail);
}

ParityModel two_towers() {
  ParityModel model;
  model.towers.resize(2);
  model.towers[0].prefix = "encoder.";
  model.towers[1].prefix = "decoder.";
  model.towers[1].cross.emplace_back();
  model.hooks = {"encoder.blocks.0.hook_resid_pre", "decoder.blocks.0.hook_resid_pre"};
  model.own = {{"delta.{i}", "hook blocks.{i}.mixer.hook_delta | abs"}};
  return model;
}

TEST(ParityNames, FindTheTowerWhereverItIsNamed) {
  const ParityModel model = two_towers();
  EXPECT_EQ(resolve_parity_name("enc.hidden.embed", model)->name, "encoder.blocks.0.hook_resid_pre");
  EXPECT_EQ(resolve_parity_name("attn.dec.3", model)->name, "decoder.blocks.3");
  EXPECT_EQ(resolve_parity_name("cross.1", model)->name, "decoder.blocks.1");
  EXPECT_EQ(resolve_parity_name("cross.1", model)->kind, "cross");
}

TEST(ParityNames, AskTheArchitectureFirst) {
  const auto found = resolve_parity_name("delta.7", two_towers());
  EXPECT_EQ(found->name, "blocks.7.mixer.hook_delta");
  EXPECT_EQ(found->ops, std::vector<std::string>{"abs"});
}

TEST(ParityNames, ShiftLibrariesThatListTheEmbeddingFirst) {
  ParityModel model = two_towers();
  model.hidden_counts_embedding = true;
  EXPECT_EQ(resolve_parity_name("enc.hidden.0", model)->kind, "hook");
  EXPECT_EQ(resolve_parity_name("hidden.3", model)->name, "blocks.2.hook_resid_post");
}

TEST(ParityOps, CodingRateOfOrthogonalTokensIsTheClosedForm) {
  // One head, two orthogonal unit tokens in two dimensions: W^T W = I, so 1/2 log det((1 + 2 / (2 eps)) I) = log(1 + 1 / eps).
  const auto rate = apply_parity_op("coding_rate 0.01", tensor({1, 2, 1, 2}, {3, 0, 0, 5}), {});
  ASSERT_TRUE(rate);
  EXPECT_NEAR(rate->values[0], std::log(101.0), 1e-5);
}

TEST(ParityOps, RefuseWhatDoesNotFit) {
  EXPECT_FALSE(apply_parity_op("select 5 0", tensor({2}, {1, 2}), {}));
  EXPECT_FALSE(apply_parity_op("permute 0 0", tensor({1, 2}, {1, 2}), {}));
  EXPECT_FALSE(apply_parity_op("system rm", tensor({2}, {1, 2}), {}));
}

}  // namespace
}  // namespace vitrine::engine
