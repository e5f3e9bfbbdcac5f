#include "engine/tensor/memory_pool.h"

#include <optional>
#include <set>
#include <algorithm>
#include <vector>

#include <gtest/gtest.h>

#include "engine/tensor/ops.h"

namespace vitrine::engine {
namespace {

constexpr std::int64_t kFloats = 1 << 20;   // 4 MB

TEST(PooledMemory, GivesWhatWasGivenBackAndNothingThatIsInUse) {
  const PooledMemory pooled;
  std::set<const void*> first;
  {
    std::vector<Tensor> many;
    for (int i = 0; i < 4; ++i) many.push_back(full({kFloats}, i));
    for (int i = 0; i < 4; ++i) EXPECT_EQ(many[static_cast<std::size_t>(i)].data_f32()[kFloats - 1], static_cast<float>(i));
    for (const Tensor& t : many) first.insert(t.data_id());
    EXPECT_EQ(first.size(), 4U);
  }
  std::vector<Tensor> again;
  for (int i = 0; i < 4; ++i) again.push_back(Tensor::empty({kFloats}));
  std::set<const void*> second;
  for (const Tensor& t : again) second.insert(t.data_id());
  EXPECT_EQ(first, second);
  EXPECT_FALSE(second.contains(Tensor::empty({kFloats}).data_id()));
}

TEST(PooledMemory, OutlivesItsScopeInATensor) {
  std::optional<PooledMemory> pooled(std::in_place);
  const Tensor kept = full({kFloats}, 3.0);
  pooled.reset();
  for (int i = 0; i < 2 * kIdleScopes; ++i) {
    const PooledMemory other;
    const Tensor t = full({kFloats}, 5.0);
  }
  EXPECT_EQ(kept.data_f32()[0], 3.0F);
  EXPECT_EQ(kept.data_f32()[kFloats - 1], 3.0F);
}

/// Batched products keep memory by its pointer alone and give it back so.
TEST(PooledMemory, ServesOperatorsThatAskForPlainPointers) {
  const PooledMemory pooled;
  const Tensor a = randn({4, 6, 200, 64}, 1), b = randn({4, 6, 64, 200}, 2);
  const Tensor turned = matmul(transpose(transpose(a, 1, 2), 1, 2), b);
  EXPECT_LT(max_abs(select(select(turned, 0, 3), 0, 5) - matmul(select(select(a, 0, 3), 0, 5), select(select(b, 0, 3), 0, 5))), 1e-4);
}

TEST(PooledMemory, LeavesOtherTensorsAlone) {
  { const PooledMemory pooled; }
  const std::int64_t before = idle_pool_bytes();
  { const Tensor t = full({kFloats}, 1.0); }
  EXPECT_EQ(idle_pool_bytes(), before);
}

TEST(PooledMemory, GoesBackToTheSystemWhenNobodyTakesIt) {
  {
    const PooledMemory pooled;
    const Tensor t = full({kFloats + 12345}, 1.0);
  }
  EXPECT_GE(idle_pool_bytes(), 4 * kFloats);
  for (int i = 0; i <= kIdleScopes; ++i) const PooledMemory pooled;
  EXPECT_EQ(idle_pool_bytes(), 0);
}

TEST(PooledMemory, KeepsNoMoreThanItsBound) {
  const PooledMemory pooled;
  {
    std::vector<Tensor> many;
    for (int i = 0; i < 160; ++i) many.push_back(Tensor::empty({kFloats}));
  }
  EXPECT_LE(idle_pool_bytes(), kMostIdleBytes);
}

TEST(PooledMemory, KeepsLessWhereLessIsAskedFor) {
  constexpr std::int64_t kLittle = std::int64_t{14} << 20;
  const std::int64_t most = std::max(kLittle, idle_pool_bytes());   // what others left stays
  const PooledMemory pooled(kLittle);
  for (const std::int64_t bound : {kLittle, std::int64_t{0}}) {
    const PooledMemory inner(bound);
    {
      std::vector<Tensor> many;
      for (int i = 0; i < 20; ++i) many.push_back(Tensor::empty({kFloats}));
    }
    EXPECT_LE(idle_pool_bytes(), most);
  }
  { const Tensor more = Tensor::empty({4 * kFloats}); }
  EXPECT_LE(idle_pool_bytes(), most) << "the outer bound holds again";
}

}  // namespace
}  // namespace vitrine::engine
