#include "engine/mixers/decode_attention.h"

#include <gtest/gtest.h>

#include "engine/mixers/attention_forward.h"
#include "engine/tensor/guard.h"
#include "engine/tensor/ops.h"

namespace vitrine::engine {
namespace {

double difference(const Tensor& a, const Tensor& b) { return max_abs(to(a, DType::F64) - to(b, DType::F64)); }

struct Case {
  std::int64_t batch, heads, kv_heads, keys, d, d_value;
};

/// In float64, of the numbers as they are given.
FusedAttention plain(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& bias) {
  const std::int64_t group = q.size(1) / k.size(1);
  Tensor scores = matmul(to(q, DType::F64), transpose(repeat_interleave(to(k, DType::F64), group, 1), 2, 3)) * 0.3;
  if (bias.defined()) scores = scores + to(bias, DType::F64);
  return {matmul(softmax(scores, -1), repeat_interleave(to(v, DType::F64), group, 1)), logsumexp(scores, -1)};
}

class Decode : public testing::TestWithParam<Case> {
 protected:
  Case c = GetParam();
  Tensor q = randn({c.batch, c.heads, 1, c.d}, 1) * 3.0, k = randn({c.batch, c.kv_heads, c.keys, c.d}, 2), v = randn({c.batch, c.kv_heads, c.keys, c.d_value}, 3);

  void compare(const FusedAttention& own, const FusedAttention& expected, const std::string& what) {
    ASSERT_EQ(own.z.shape(), expected.z.shape());
    ASSERT_EQ(own.lse.shape(), expected.lse.shape());
    EXPECT_LT(difference(own.z, expected.z), 1e-5) << what;
    EXPECT_LT(difference(own.lse, expected.lse), 1e-5) << what;
  }
};

TEST_P(Decode, EqualsTheSoftmaxOverAllKeysWhateverTheParts) {
  const FusedAttention expected = plain(q, k, v, Tensor());
  ASSERT_TRUE(can_decode(q, k, v));
  for (const DecodeSplit split : {DecodeSplit::Context, DecodeSplit::Heads})
    for (const std::int64_t part : {std::int64_t{1}, std::int64_t{7}, std::int64_t{64}, kKeysOfPart, c.keys})
      compare(decode_attention(q, k, v, Tensor(), 0.3, split, part), expected, "parts of " + std::to_string(part));
}

TEST_P(Decode, AddsABiasAndLeavesOutWhatAWindowHides) {
  const Tensor per_head = randn({1, c.heads, 1, c.keys}, 4), hidden = to(less(arange(c.keys), static_cast<double>(c.keys / 2)), DType::F32) * -1e30;
  for (const Tensor& bias : {per_head, reshape(hidden, {1, 1, 1, c.keys}), per_head + hidden, full({1, c.heads, 1, 1}, 0.5)})
    for (const std::int64_t part : {std::int64_t{7}, kKeysOfPart}) {
      const FusedAttention own = decode_attention(q, k, v, bias, 0.3, DecodeSplit::Context, part), expected = plain(q, k, v, bias);
      compare(own, expected, "bias " + shape_text(bias.shape()));
    }
}

TEST_P(Decode, ReadsBfloat16WhereItLies) {
  const auto half = [](const Tensor& x) { return to(x, DType::BF16); };
  ASSERT_TRUE(can_decode(half(q), half(k), half(v)));
  const FusedAttention own = decode_attention(half(q), half(k), half(v), Tensor(), 0.3), expected = plain(half(q), half(k), half(v), Tensor());
  EXPECT_EQ(own.z.dtype(), DType::BF16);
  EXPECT_LT(difference(own.lse, expected.lse), 1e-5);
  EXPECT_LT(difference(own.z, expected.z), 1.0 / 128 * std::max(1.0, max_abs(expected.z)));   // z is rounded to eight bits
}

INSTANTIATE_TEST_SUITE_P(Sizes, Decode,
                         testing::Values(Case{1, 9, 3, 1500, 64, 64}, Case{1, 1, 1, 1, 1, 1}, Case{2, 4, 4, 13, 20, 20}, Case{1, 6, 2, 1025, 80, 33}, Case{3, 2, 1, 511, 5, 128},
                                         Case{1, 8, 1, 2049, 96, 64}),
                         [](const auto& info) { return "keys_" + std::to_string(info.param.keys) + "_d_" + std::to_string(info.param.d); });

TEST(DecodeAttention, TakesViewsAndRefusesWhatItCannotRead) {
  const Tensor q = randn({1, 4, 1, 16}, 1), k = randn({1, 40, 2, 16}, 2), v = randn({1, 2, 50, 16}, 3);
  const Tensor turned = transpose(k, 1, 2), part = slice(v, 2, 5, 45);
  ASSERT_TRUE(can_decode(q, turned, part));
  const FusedAttention own = decode_attention(q, turned, part, Tensor(), 0.25), other = fused_attention(q, contiguous(turned), contiguous(part), Tensor(), false, 0.25);
  EXPECT_LT(difference(own.z, other.z), 1e-5);
  EXPECT_LT(difference(own.lse, other.lse), 1e-5);
  EXPECT_EQ(difference(attention_forward(q, turned, part, Tensor(), false, 0.25).z, own.z), 0);
  EXPECT_FALSE(can_decode(to(q, DType::BF16), turned, part));
  EXPECT_FALSE(can_decode(randn({1, 4, 2, 16}, 1), turned, part));
  EXPECT_FALSE(can_decode(q, turned, transpose(randn({1, 2, 16, 40}, 3), 2, 3)));
}

}  // namespace
}  // namespace vitrine::engine
