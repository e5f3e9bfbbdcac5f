#include "engine/tensor/growing.h"

#include <gtest/gtest.h>

#include "engine/tensor/ops.h"

namespace vitrine::engine {
namespace {

double difference(const Tensor& a, const Tensor& b) { return max_abs(to(a, DType::F64) - to(b, DType::F64)); }

class Growing : public testing::TestWithParam<DType> {};

TEST_P(Growing, EqualsOneAfterTheOther) {
  const DType type = GetParam();
  Tensor all = to(randn({2, 3, 5, 7}, 1), type), grown = all;
  for (int step = 0; step < 40; ++step) {
    const Tensor more = to(randn({2, 3, step % 4 == 3 ? 3 : 1, 7}, 2 + static_cast<std::uint64_t>(step)), type);
    all = cat({all, more}, 2);
    grown = append_rows(grown, more, 8);
    ASSERT_EQ(grown.shape(), all.shape());
    ASSERT_EQ(difference(grown, all), 0) << step;
  }
}
INSTANTIATE_TEST_SUITE_P(Types, Growing, testing::Values(DType::F32, DType::BF16), [](const auto& info) { return info.param == DType::F32 ? "f32" : "bf16"; });

TEST(GrowingRows, StayWhereTheyAreWhileThereIsRoom) {
  Tensor grown = append_rows(randn({1, 2, 4, 3}, 1), randn({1, 2, 1, 3}, 2), 10);
  const void* where = grown.data_id();
  for (int step = 0; step < 10; ++step) grown = append_rows(grown, randn({1, 2, 1, 3}, 3), 10);
  EXPECT_EQ(grown.data_id(), where);
  EXPECT_NE(append_rows(grown, randn({1, 2, 1, 3}, 3), 10).data_id(), where);
}

TEST(GrowingRows, OfTwoBranchesDoNotMeet) {
  const Tensor trunk = append_rows(randn({1, 2, 4, 3}, 1), randn({1, 2, 1, 3}, 2), 10);
  const Tensor a = randn({1, 2, 1, 3}, 3), b = randn({1, 2, 1, 3}, 4);
  const Tensor left = append_rows(trunk, a, 10), right = append_rows(trunk, b, 10);
  EXPECT_EQ(difference(left, cat({trunk, a}, 2)), 0);
  EXPECT_EQ(difference(right, cat({trunk, b}, 2)), 0);
}

TEST(GrowingRows, OfAPartOrWithoutRoomAreCopied) {
  const Tensor trunk = append_rows(randn({1, 2, 4, 3}, 1), randn({1, 2, 2, 3}, 2), 10);
  const Tensor more = randn({1, 2, 1, 3}, 3);
  for (const Tensor& part : {slice(trunk, 2, 1, 6), slice(trunk, 2, 0, 5), slice(trunk, 1, 0, 1)}) {
    const Tensor fitting = slice(more, 1, 0, part.size(1));
    EXPECT_EQ(difference(append_rows(part, fitting, 4), cat({part, fitting}, 2)), 0);
    EXPECT_EQ(difference(append_rows(part, fitting, 0), cat({part, fitting}, 2)), 0);
  }
}

}  // namespace
}  // namespace vitrine::engine
