#include "engine/tensor/attention.h"

#include <gtest/gtest.h>

#include "engine/mixers/scan.h"
#include "engine/tensor/guard.h"
#include "engine/tensor/linear.h"
#include "engine/tensor/ops.h"

namespace vitrine::engine {
namespace {

struct Reference { Tensor z, lse; };

Reference reference(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& bias, bool causal, double scale) {
  const std::int64_t group = q.size(1) / k.size(1);
  Tensor s = matmul(q, transpose(repeat_interleave(k, group, 1), 2, 3)) * scale;
  if (bias.defined()) s = s + bias;
  if (causal) {
    const Tensor i = unsqueeze(arange(q.size(2)) + static_cast<double>(k.size(2) - q.size(2)), 1), j = unsqueeze(arange(k.size(2)), 0);
    s = masked_fill(s, greater(j, i), -1e30);
  }
  return {matmul(softmax(s, -1), repeat_interleave(v, group, 1)), logsumexp(s, -1)};
}

TEST(FusedAttention, EqualsThePlainFormulaWithGroupsBiasAndCausalMask) {
  const InferenceScope no_gradients;
  const Tensor q = randn({2, 6, 11, 8}, 1), k = randn({2, 2, 11, 8}, 2), v = randn({2, 2, 11, 8}, 3), bias = randn({1, 6, 11, 11}, 4);
  for (const bool causal : {false, true})
    for (const Tensor& b : {Tensor(), bias}) {
      const auto fused = fused_attention(q, k, v, b, causal, 0.3);
      const auto plain = reference(q, k, v, b, causal, 0.3);
      EXPECT_LT(max_abs(fused.z - plain.z), 2e-6);
      EXPECT_LT(max_abs(fused.lse - plain.lse), 2e-6);
    }
}

TEST(FusedAttention, AlignsTheLastRowsWhenKeysAreCached) {
  const InferenceScope no_gradients;
  const Tensor q = randn({1, 2, 3, 8}, 1), k = randn({1, 2, 9, 8}, 2), v = randn({1, 2, 9, 8}, 3);
  EXPECT_LT(max_abs(fused_attention(q, k, v, Tensor(), true, 0.5).z - reference(q, k, v, Tensor(), true, 0.5).z), 2e-6);
}

TEST(FusedAttention, TakesValuesOfAnotherWidth) {
  const InferenceScope no_gradients;
  const Tensor q = randn({1, 2, 5, 8}, 1), k = randn({1, 2, 5, 8}, 2), v = randn({1, 2, 5, 3}, 3);
  EXPECT_LT(max_abs(fused_attention(q, k, v, Tensor(), true, 0.5).z - reference(q, k, v, Tensor(), true, 0.5).z), 2e-6);
}

#if defined(__x86_64__)
/// A weight that cannot be packed is no error, only slow: so that nobody notices, it is asked here.
TEST(PackedLinear, WeightsCanBePacked) {
  const InferenceScope no_gradients;
  const PackedLinear layer(randn({192, 256}, 1), Tensor());
  (void)layer(randn({100, 256}, 2));
  ASSERT_FALSE(linear_timings().empty());
  for (const LinearTiming& timing : linear_timings()) EXPECT_GT(timing.packed_ms, 0) << timing.rows << " rows";
}
#endif

TEST(PackedLinear, EqualsThePlainOperatorAtEveryRowCount) {
  const InferenceScope no_gradients;
  const PackedLinear layer(randn({192, 256}, 1), randn({192}, 2));
  for (const std::int64_t rows : {1, 5, 40, 200}) {
    const Tensor x = randn({rows, 256}, 3);
    EXPECT_LT(max_abs(layer(x) - layer.differentiable(x)), 1e-4);
  }
  EXPECT_FALSE(linear_timings().empty());
}

TEST(PackedLinear, AnActivationOnTopEqualsItsOperator) {
  const InferenceScope no_gradients;
  const PackedLinear layer(randn({192, 256}, 1), randn({192}, 2));
  for (const std::int64_t rows : {1, 5, 40, 200}) {
    const Tensor x = randn({rows, 256}, 3) * 0.2, y = layer.differentiable(x);
    EXPECT_LT(max_abs(layer.then(x, Epilogue::Gelu) - gelu(y)), 1e-5);
    EXPECT_LT(max_abs(layer.then(x, Epilogue::GeluTanh) - gelu(y, true)), 1e-5);
    EXPECT_LT(max_abs(layer.then(x, Epilogue::Relu) - relu(y)), 1e-5);
  }
}

TEST(SelectiveScan, EqualsItsRecurrenceOutOfOperators) {
  const InferenceScope no_gradients;
  const Tensor v = randn({2, 7, 5}, 1), delta = softplus(randn({2, 7, 5}, 2)), a = exp(randn({5, 3}, 3)) * -1.0, b = randn({2, 7, 3}, 4), c = randn({2, 7, 3}, 5);
  EXPECT_LT(max_abs(selective_scan(v, delta, a, b, c) - selective_scan_differentiable(v, delta, a, b, c)), 1e-5);
}

TEST(Guard, TurnsWhatLibtorchThrowsIntoAnError) {
  const auto result = guard([] { return matmul(ones({2, 3}), ones({2, 3})); });
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::ShapeMismatch);
  EXPECT_EQ(result.error().message.find('\n'), std::string::npos);
  const auto huge = guard([] { return Tensor::empty({std::int64_t{1} << 50}); });
  ASSERT_FALSE(huge);
  EXPECT_EQ(huge.error().code, ErrorCode::DoesNotFit);
}

TEST(Operators, ADifferenceThatIsNotANumberIsBeyondEveryBound) {
  EXPECT_GT(max_abs(log(full({2}, -1.0))), 1e300);
}

TEST(Operators, WholeNumbersKeepIntegersIntegers) {
  EXPECT_EQ((arange(3) + 2.0).dtype(), DType::I64);
  EXPECT_EQ((arange(3) + 0.5).dtype(), DType::F32);
}

}  // namespace
}  // namespace vitrine::engine
