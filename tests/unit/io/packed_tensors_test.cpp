#include "engine/io/packed_tensors.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace vitrine::engine {
namespace {

using Shape = std::vector<std::int64_t>;

void expect(const PackedTensors& tensors, std::size_t number, const std::string& name, const Shape& shape, std::uint64_t offset) {
  EXPECT_EQ(tensors.name(number), name);
  EXPECT_EQ(Shape(tensors.shape(number).begin(), tensors.shape(number).end()), shape);
  EXPECT_EQ(tensors[number].offset, offset);
}

TEST(PackedTensors, KeepNamesAndShapesApart) {
  PackedTensors tensors;
  ASSERT_TRUE(tensors.add("w", Shape{2, 3}, 0, 24, 0));
  ASSERT_TRUE(tensors.add("", {}, 24, 4, 1));
  ASSERT_TRUE(tensors.add("bias", Shape{3}, 28, 12, 0));
  ASSERT_EQ(tensors.size(), 3U);
  expect(tensors, 0, "w", {2, 3}, 0);
  expect(tensors, 1, "", {}, 24);
  expect(tensors, 2, "bias", {3}, 28);
}

TEST(PackedTensors, ThatLieElsewhereAreCopiedWhereOneIsAdded) {
  PackedTensors first;
  ASSERT_TRUE(first.add("w", Shape{2, 3}, 0, 24, 0));
  auto keeper = std::make_shared<int>(0);
  PackedTensors lent(first.rows(), first.names(), first.axes(), keeper);
  expect(lent, 0, "w", {2, 3}, 0);
  EXPECT_EQ(keeper.use_count(), 2);
  ASSERT_TRUE(lent.add("bias", Shape{3}, 24, 12, 0));
  EXPECT_EQ(keeper.use_count(), 1) << "what lies elsewhere is let go";
  expect(lent, 0, "w", {2, 3}, 0);
  expect(lent, 1, "bias", {3}, 24);
  EXPECT_EQ(first.size(), 1U);
}

}  // namespace
}  // namespace vitrine::engine
