#include "engine/tensor/bf16_panels.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <tuple>

#include <gtest/gtest.h>

#include "engine/io/float_convert.h"
#include "engine/tensor/guard.h"
#include "engine/tensor/linear.h"
#include "engine/tensor/ops.h"

namespace vitrine::engine {
namespace {

constexpr std::uint16_t kUntouched = 0x7FC1;   // a value that nothing computes

std::vector<std::uint16_t> narrow(const Tensor& x) {
  const auto wide = x.to_floats();
  std::vector<std::uint16_t> bits(wide.size());
  std::transform(wide.begin(), wide.end(), bits.begin(), float_to_bfloat16);
  return bits;
}

double activated(double x, Epilogue epilogue) {
  switch (epilogue) {
    case Epilogue::Gelu: return 0.5 * x * (1 + std::erf(x / std::sqrt(2.0)));
    case Epilogue::GeluTanh: return 0.5 * x * (1 + std::tanh(std::sqrt(2 / 3.14159265358979) * (x + 0.044715 * x * x * x)));
    case Epilogue::Relu: return std::max(0.0, x);
    case Epilogue::None: break;
  }
  return x;
}

/// rows, out, in
class Bf16PanelsOfShape : public testing::TestWithParam<std::tuple<int, int, int>> {
 protected:
  void SetUp() override {
    if (!Bf16Panels::available(2)) GTEST_SKIP() << "this processor does not multiply bfloat16";
  }
};

TEST_P(Bf16PanelsOfShape, AreTheFormulaRoundedOnce) {
  const auto [rows, out, in] = GetParam();
  const auto at = [](int row, int width, int column) { return static_cast<std::size_t>(row) * static_cast<std::size_t>(width) + static_cast<std::size_t>(column); };
  const auto x = narrow(randn({rows, in}, 1)), w = narrow(randn({out, in}, 2) * (3 / std::sqrt(static_cast<double>(in)))), b = narrow(randn({out}, 3));
  const Bf16Panels layer(w.data(), b.data(), out, in);
  for (const Epilogue epilogue : {Epilogue::None, Epilogue::Gelu, Epilogue::GeluTanh, Epilogue::Relu}) {
    std::vector<std::uint16_t> y(at(rows, out, 0) + 64, kUntouched);
    const Bf16Panels::Job job{&layer, y.data()};
    Bf16Panels::run({&job, 1}, x.data(), rows, epilogue);
    for (int r = 0; r < rows; ++r)
      for (int n = 0; n < out; ++n) {
        double sum = bfloat16_to_float(b[static_cast<std::size_t>(n)]);
        for (int i = 0; i < in; ++i) sum += static_cast<double>(bfloat16_to_float(x[at(r, in, i)])) * bfloat16_to_float(w[at(n, in, i)]);
        const double expected = activated(sum, epilogue);
        ASSERT_NEAR(bfloat16_to_float(y[at(r, out, n)]), expected, std::abs(expected) / 256 + 2e-5) << "row " << r << ", output " << n;
      }
    EXPECT_EQ(std::count(y.begin(), y.end(), kUntouched), 64);
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, Bf16PanelsOfShape,
                         testing::Combine(testing::Values(1, 5, 8, 9, 70), testing::Values(1, 48, 50, 200), testing::Values(2, 34, 256)));

TEST(Bf16Panels, TakeNoOddNumberOfInputs) { EXPECT_FALSE(Bf16Panels::available(7)); }

TEST(Bf16Panels, LayersOfOneInputTogetherAreTheLayersOneByOne) {
  const InferenceScope no_gradients;
  const auto half = [](const Shape& shape, std::uint64_t seed) { return to(randn(shape, seed), DType::BF16); };
  const PackedLinear a(half({192, 256}, 1), half({192}, 2)), b(half({64, 256}, 3), Tensor()), c(half({100, 256}, 4), half({100}, 5));
  for (const std::int64_t rows : {1, 40, 200}) {
    const Tensor x = half({2, rows, 256}, 6);
    const auto together = PackedLinear::together(std::array{&a, &b, &c}, x);
    ASSERT_EQ(together.size(), 3U);
    for (const auto& [layer, y] : {std::pair{&a, together[0]}, {&b, together[1]}, {&c, together[2]}}) {
      EXPECT_EQ(y.shape(), (Shape{2, rows, layer->weight().size(0)}));
      EXPECT_EQ(max_abs(to(y, DType::F32) - to((*layer)(x), DType::F32)), 0);
      EXPECT_LT(max_abs(to(y, DType::F32) - to(layer->differentiable(x), DType::F32)), 0.6);   // sums near 100 have steps of 0.5
    }
  }
}

}  // namespace
}  // namespace vitrine::engine
