#include "engine/tensor/rotate.h"

#include <gtest/gtest.h>

#include "engine/tensor/guard.h"
#include "engine/tensor/ops.h"

namespace vitrine::engine {
namespace {

TEST(RotateHalves, InOneSweepEqualsTheOperatorsBitByBit) {
  for (const std::int64_t batch : {1, 3}) {
    const Tensor x = transpose(randn({3, 7, 5, 16}, 1), 1, 2), cosine = randn({batch, 1, 7, 8}, 2), sine = randn({batch, 1, 7, 8}, 3);   // [3, 5, 7, 16]
    const Tensor first = slice(x, -1, 0, 8), second = slice(x, -1, 8, 16);
    const Tensor wanted = cat({first * cosine - second * sine, second * cosine + first * sine}, -1);
    EXPECT_EQ(rotate_halves(x, cosine, sine).to_floats(), wanted.to_floats()) << "with gradients";
    const InferenceScope no_gradients;
    EXPECT_EQ(rotate_halves(x, cosine, sine).to_floats(), wanted.to_floats());
  }
}

TEST(RmsNorm, InOneSweepEqualsTheOperators) {
  for (const std::int64_t width : {1, 5, 64, 577}) {
    const Tensor x = randn({2, 3, width}, 1) * 30.0, weight = randn({width}, 2);
    const Tensor wanted = x * rsqrt(mean(square(x), {-1}, true) + 1e-5) * weight;
    EXPECT_LT(max_abs(rms_norm(x, weight, 1e-5) - wanted), 1e-5) << "with gradients";
    const InferenceScope no_gradients;
    EXPECT_LT(max_abs(rms_norm(x, weight, 1e-5) - wanted), 1e-5) << width;
    EXPECT_LT(max_abs(rms_norm(x, Tensor(), 1e-5) * weight - wanted), 1e-5) << width;
  }
}

}  // namespace
}  // namespace vitrine::engine
