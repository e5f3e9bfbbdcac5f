#include "engine/measure/cascade.h"

#include <gtest/gtest.h>

namespace vitrine::engine {
namespace {

/// One head of 512 queries and keys of width 64, nothing hidden.
Mixing softmax(std::int64_t tokens = 512, double problems = 1) {
  return {.problems = problems, .heads = 1, .kv_heads = 1, .queries = tokens, .keys = tokens, .d_key = 64, .d_value = 64, .pairs = static_cast<double>(tokens * tokens)};
}

const Device& device(const std::string& id) {
  static const auto all = known_gpus().value();
  for (const Device& d : all) if (d.id == id) return d;
  return all.front();
}

TEST(Cascade, OfASoftmaxTakesThreeTwoAndOnePass) {
  const auto forms = cascades_of(softmax(), 2, 1e6);
  ASSERT_EQ(forms.size(), 4U);
  EXPECT_EQ(forms[0].passes, 3);
  EXPECT_EQ(forms[1].passes, 3);
  EXPECT_EQ(forms[2].passes, 2);
  EXPECT_EQ(forms[3].passes, 1);
}

TEST(Cascade, MovesWhatIsCountedByHand) {
  // Of 262,144 scores: written, read for the maximum, read, written as exponentials, read, written as quotients, read: 7 times.
  const double queries_and_the_rest = 4 * 512 * 64, statistics = 512 + 2 * 512 + 512;
  const auto forms = cascades_of(softmax(), 2, 1e6);
  EXPECT_DOUBLE_EQ(forms[0].total().bytes, 2 * (queries_and_the_rest + 7 * 262144 + statistics));
  EXPECT_DOUBLE_EQ(forms[3].total().bytes, 2 * queries_and_the_rest);
  for (const Cascade& form : forms) EXPECT_DOUBLE_EQ(form.total().matrix_flops, 2.0 * 262144 * 128);
  EXPECT_DOUBLE_EQ(forms[0].total().vector_flops, 4.0 * 262144);
  // The division comes after the product with the values: one of each output instead of one of each score.
  EXPECT_DOUBLE_EQ(forms[3].total().vector_flops, 3.0 * 262144 + 262144 / 128 * 66.0 + 512 * 64);
}

TEST(Cascade, OfOnePassNeedsNoMoreChipForMoreTokens) {
  const auto few = cascades_of(softmax(512), 2, 1e6), many = cascades_of(softmax(1 << 20), 2, 1e6);
  EXPECT_EQ(few[3].on_chip, many[3].on_chip);
  EXPECT_TRUE(many[3].fits);
  EXPECT_GT(many[1].on_chip, 50 * few[1].on_chip);
  EXPECT_FALSE(many[1].fits);
  // Two passes write the scores and read them once more; three read them twice.
  EXPECT_LT(many[2].total().bytes, many[1].total().bytes);
}

class Forms : public testing::TestWithParam<std::string> {};

TEST_P(Forms, FusedMoveNoMoreThanUnfusedAndNoUnitWorksMoreThanAlways) {
  const Device& d = device(GetParam());
  for (const std::int64_t tokens : {16, 1024, 65536, 1 << 20})
    for (const auto precision : {Precision::Fp32, Precision::Half, Precision::Int8}) {
      const auto forms = cascades_of(softmax(tokens), value_bytes(precision), d.on_chip);
      double slowest = 0;
      for (const Cascade& form : forms) {
        EXPECT_LE(form.total().bytes, forms[0].total().bytes) << form.name << " " << tokens;
        const Attained a = attained(form, d, precision);
        EXPECT_GT(a.utilisation, 0) << form.name;
        EXPECT_LE(a.utilisation, 1 + 1e-12) << form.name;
        slowest = std::max(slowest, a.seconds);
      }
      EXPECT_EQ(attained(forms[0], d, precision).seconds, slowest);
    }
}

INSTANTIATE_TEST_SUITE_P(Gpus, Forms, testing::Values("a100-80", "h100", "l4", "a10", "t4", "rtx4090"), [](const auto& info) {
  std::string name = info.param;
  for (char& c : name) if (c == '-') c = '_';
  return name;
});

TEST(Cascade, OfTwiceTheProblemsMovesAndComputesTwice) {
  const auto one = cascades_of(softmax(300, 1), 2, 1e6), two = cascades_of(softmax(300, 2), 2, 1e6);
  for (std::size_t i = 0; i < one.size(); ++i) {
    EXPECT_DOUBLE_EQ(two[i].total().bytes, 2 * one[i].total().bytes);
    EXPECT_DOUBLE_EQ(two[i].total().exponentials, 2 * one[i].total().exponentials);
  }
}

TEST(Cascade, OfSharedKeysReadsThemOncePerGroup) {
  Mixing m = softmax();
  m.heads = 8;
  const double own = [&] { m.kv_heads = 8; return cascades_of(m, 2, 1e7).back().total().bytes; }();
  const double shared = [&] { m.kv_heads = 2; return cascades_of(m, 2, 1e7).back().total().bytes; }();
  EXPECT_DOUBLE_EQ(own - shared, 2.0 * 6 * 512 * 128);
}

TEST(Cascade, OfAScanReadsNoStateFromMemoryWhereTheChipHoldsThem) {
  const Mixing scan{.form = Mixing::Form::Scan, .problems = 1, .heads = 1536, .queries = 1000, .keys = 1000, .d_value = 16};
  const auto forms = cascades_of(scan, 2, 1e6);
  ASSERT_EQ(forms.size(), 2U);
  for (const Cascade& form : forms) {
    EXPECT_EQ(form.passes, 1);
    EXPECT_DOUBLE_EQ(form.total().vector_flops + form.total().exponentials, PartCost::mixing_flops(scan));
  }
  EXPECT_DOUBLE_EQ(forms[1].total().bytes, 2.0 * (3 * 1536 * 1000 + 2 * 16 * 1000));
  EXPECT_GT(forms[0].total().bytes, 10 * forms[1].total().bytes);
  EXPECT_FALSE(cascades_of(scan, 2, 1000)[1].fits);
}

TEST(Attained, TakesTheSlowestResourceOfEachStage) {
  Device d;
  d.fp32 = d.half = 100;
  d.exponentials = 10;
  d.bandwidth = 50;
  const Cascade two{"", 1, {{200, 0, 0, 50}, {0, 50, 40, 10}}, 0, true};   // 2 s of products, then 4 s of exponentials
  const Attained a = attained(two, d, Precision::Half);
  EXPECT_DOUBLE_EQ(a.seconds, 6);
  EXPECT_DOUBLE_EQ(a.utilisation, 2.0 / 6);
  EXPECT_EQ(a.bound, "exponentials");
}

TEST(KnownGpus, AreThoseOfTheTable) {
  const Device& a100 = device("a100-80");
  EXPECT_EQ(a100.memory, 80e9);
  EXPECT_EQ(a100.bandwidth, 2039e9);
  EXPECT_EQ(a100.half, 312e12);
  EXPECT_DOUBLE_EQ(a100.exponentials, 16 * 108 * 1410e6);
  const auto unknown = find_device("a100");
  ASSERT_FALSE(unknown);
  EXPECT_NE(unknown.error().message.find("a100-80"), std::string::npos);
}

}  // namespace
}  // namespace vitrine::engine
