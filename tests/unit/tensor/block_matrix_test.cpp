#include "engine/tensor/block_matrix.h"

#include <cmath>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engine/io/float_convert.h"
#include "engine/tensor/guard.h"
#include "engine/tensor/in_blocks.h"
#include "engine/tensor/linear.h"
#include "engine/tensor/ops.h"

namespace vitrine::engine {
namespace {

/// Every type of `ggml_type` whose blocks hold several values.
std::vector<std::uint32_t> block_types() {
  std::vector<std::uint32_t> types;
  for (std::uint32_t type = 0; type < 64; ++type)
    if (const Codec* codec = gguf_codec(type); codec && codec->block_values >= 32) types.push_back(type);
  return types;
}

/// Random blocks of one type whose values are numbers of moderate size, with a mind of its own about each byte that is no scale.
class Blocks {
 public:
  Blocks(const Codec& codec, std::int64_t rows, std::int64_t in) : codec(codec), rows(rows), in(in) {
    const std::size_t count = static_cast<std::size_t>(rows * in / codec.block_values);
    bytes.resize(count * codec.block_bytes);
    values.resize(static_cast<std::size_t>(rows * in));
    std::mt19937 random(static_cast<unsigned>(rows * 31 + in) + codec.block_bytes);
    for (std::size_t block = 0; block < count; ++block) {
      auto* at = reinterpret_cast<std::uint8_t*>(bytes.data()) + block * codec.block_bytes;
      float* own = values.data() + block * codec.block_values;
      do {   // of what is random, scales are mostly too large or not numbers: taken again until the block is tame
        for (std::uint32_t i = 0; i < codec.block_bytes; ++i) at[i] = static_cast<std::uint8_t>(random());
        put_scales(at, random);
        codec.decode(at, codec.block_values, own);
      } while (!tame(own));
    }
  }
  [[nodiscard]] std::shared_ptr<const BlockMatrix> matrix(std::vector<std::int32_t> order = {}) const {
    return std::make_shared<const BlockMatrix>(codec, bytes, in, std::move(order), nullptr);
  }
  [[nodiscard]] Tensor unfolded() const { return Tensor::from_floats(values, {rows, in}); }

  const Codec& codec;
  std::int64_t rows, in;
  std::vector<std::byte> bytes;
  std::vector<float> values;

 private:
  /// Wherever a type may have its scales, each block another one: at the begin and at the end.
  void put_scales(std::uint8_t* block, std::mt19937& random) const {
    const auto put = [&](std::uint32_t at) {
      const std::uint16_t scale = float_to_half(0.001F * static_cast<float>(1 + random() % 30));
      std::memcpy(block + at, &scale, sizeof scale);
    };
    const std::string name(codec.name);
    if (name == "Q8_K") {
      const float scale = 0.01F * static_cast<float>(1 + random() % 9);
      std::memcpy(block, &scale, sizeof scale);
      return;
    }
    if (name == "MXFP4") block[0] = static_cast<std::uint8_t>(120 + random() % 6);
    if (name == "MXFP4" || name == "NVFP4" || name == "IQ1_M") return;
    const bool at_end = name == "Q3_K" || name == "Q6_K" || name.starts_with("TQ");
    if (name == "Q2_K") { put(80); put(82); return; }
    put(at_end ? codec.block_bytes - 2 : 0);
    if (name == "Q4_1" || name == "Q5_1" || name == "Q4_K" || name == "Q5_K") put(2);
  }
  [[nodiscard]] bool tame(const float* own) const {
    bool any = false;
    for (std::uint32_t i = 0; i < codec.block_values; ++i) {
      if (!std::isfinite(own[i]) || std::abs(own[i]) > 1e3F) return false;
      any = any || own[i] != 0;
    }
    return any;
  }
};

/// Largest difference as a part of what the products are made of: sum over i of |w| |x|.
double relative_difference(const Tensor& got, const Tensor& x, const Tensor& weight, const Tensor& bias = Tensor()) {
  const Tensor wide = to(weight, DType::F64), wanted = linear(to(x, DType::F64), wide, bias.defined() ? to(bias, DType::F64) : bias);
  const Tensor size = linear(abs(to(x, DType::F64)), abs(wide), Tensor());
  return max_abs((to(got, DType::F64) - wanted) / (size + 1e-30));
}

class AnyBlockType : public testing::TestWithParam<std::uint32_t> {};

TEST_P(AnyBlockType, ProductsAreThoseOfTheUnfoldedMatrix) {
  const InferenceScope no_gradients;
  const Codec& codec = *gguf_codec(GetParam());
  const std::int64_t block = codec.block_values;
  for (const auto& [out, blocks] : {std::pair<std::int64_t, std::int64_t>{1, 1}, {5, 3}, {64, 1}, {130, 9}, {97, 2048 / block + 3}}) {
    const Blocks made(codec, out, blocks * block);
    const Tensor weight = in_blocks(made.matrix(), DType::F32), bias = randn({out}, 3);
    for (const std::int64_t rows : {1, 3, 8, 9, 17, 512}) {
      if (rows == 512 && out > 64 && block > 32) continue;
      const Tensor x = randn({rows, blocks * block}, 5);
      const double off = relative_difference(PackedLinear(weight, bias)(x), x, made.unfolded(), bias);
      EXPECT_LT(off, 2e-6) << codec.name << " [" << out << ", " << blocks * block << "] rows " << rows;
    }
  }
}

TEST_P(AnyBlockType, RowsAreThoseOfTheUnfoldedMatrixBitByBit) {
  const Codec& codec = *gguf_codec(GetParam());
  const Blocks made(codec, 7, 3 * codec.block_values);
  const std::vector<std::int32_t> order{6, 0, 0, 3, 5};
  const Tensor table = in_blocks(made.matrix(order), DType::F32), ids = Tensor::from_ints(std::vector<std::int64_t>{4, 0, 1, 3}, {2, 2});
  const std::vector<std::int64_t> chosen(order.begin(), order.end());
  EXPECT_EQ(plain(table).to_floats(), index_select(made.unfolded(), 0, chosen).to_floats());
  EXPECT_EQ(embedding(table, ids).to_floats(), index_select(made.unfolded(), 0, std::vector<std::int64_t>{5, 6, 0, 3}).to_floats());
  EXPECT_EQ(embedding(table, ids).shape(), (Shape{2, 2, 3 * codec.block_values}));
}

/// A product with the unit vectors gives the matrix itself, and no other sum is rounded.
TEST_P(AnyBlockType, EveryValueIsUnfoldedBitByBit) {
  const InferenceScope no_gradients;
  const Codec& codec = *gguf_codec(GetParam());
  const std::int64_t in = codec.block_values;
  const Blocks made(codec, 50, in);
  const Tensor units = index_select(reshape(to(equal(unsqueeze(arange(in), 1), unsqueeze(arange(in), 0)), DType::F32), {in, in}), 0, [&] {
    std::vector<std::int64_t> all(static_cast<std::size_t>(in));
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::int64_t>(i);
    return all;
  }());
  const PackedLinear layer(in_blocks(made.matrix(), DType::F32), Tensor());
  const Tensor many = layer(units);
  EXPECT_EQ(max_abs(many - transpose(made.unfolded(), 0, 1)), 0) << codec.name;
  for (std::int64_t i = 0; i < in; i += 3) {
    const Tensor few = layer(slice(units, 0, i, i + 1));
    ASSERT_EQ(max_abs(few - transpose(slice(made.unfolded(), 1, i, i + 1), 0, 1)), 0) << codec.name << " value " << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Types, AnyBlockType, testing::ValuesIn(block_types()),
                         [](const auto& info) { return std::string(gguf_codec(info.param)->name); });

TEST(BlockTypes, AreAllOfTheFormat) { EXPECT_GE(block_types().size(), 24U); }

TEST(BlockMatrix, RowsInAnotherOrderGiveColumnsInThatOrder) {
  const InferenceScope no_gradients;
  const Blocks made(*gguf_codec(8), 96, 64);
  std::vector<std::int32_t> order;
  std::vector<std::int64_t> chosen;
  for (std::int32_t i = 0; i < 80; ++i) chosen.push_back(order.emplace_back((i * 37 + 5) % 96));
  const PackedLinear layer(in_blocks(made.matrix(order), DType::F32), Tensor());
  for (const std::int64_t rows : {1, 40}) {
    const Tensor x = randn({rows, 64}, 7);
    EXPECT_LT(relative_difference(layer(x), x, index_select(made.unfolded(), 0, chosen)), 1e-6) << rows;
  }
}

TEST(BlockMatrix, SeveralOfOneInputGiveWhatEachGivesAlone) {
  const InferenceScope no_gradients;
  const Blocks a(*gguf_codec(8), 192, 576), b(*gguf_codec(3), 64, 576), c(*gguf_codec(20), 100, 576);
  const PackedLinear layers[] = {{in_blocks(a.matrix(), DType::F32), randn({192}, 1)}, {in_blocks(b.matrix(), DType::F32), Tensor()}, {in_blocks(c.matrix(), DType::F32), Tensor()}};
  const PackedLinear* all[] = {&layers[0], &layers[1], &layers[2]};
  for (const std::int64_t rows : {1, 2, 33}) {
    const Tensor x = randn({1, rows, 576}, 2);
    const auto together = PackedLinear::together(all, x);
    for (std::size_t i = 0; i < 3; ++i) {
      EXPECT_EQ(together[i].shape(), (Shape{1, rows, all[i]->weight().size(0)}));
      EXPECT_EQ(together[i].to_floats(), (*all[i])(x).to_floats());
    }
  }
}

TEST(BlockMatrix, AnActivationOnTopAndBfloat16InputsAreTaken) {
  const InferenceScope no_gradients;
  const Blocks made(*gguf_codec(8), 100, 96);
  const PackedLinear layer(in_blocks(made.matrix(), DType::BF16), to(randn({100}, 3), DType::BF16));
  for (const std::int64_t rows : {1, 40}) {
    const Tensor x = to(randn({rows, 96}, 4), DType::BF16), y = layer.then(x, Epilogue::Gelu);
    EXPECT_EQ(y.dtype(), DType::BF16);
    const Tensor wanted = gelu(linear(to(x, DType::F32), made.unfolded(), to(layer.bias(), DType::F32)));
    EXPECT_LT(max_abs(to(y, DType::F32) - wanted) / max_abs(wanted), 8e-3);
  }
}

TEST(BlockMatrix, OtherOperationsAndGradientsSeeItsValues) {
  const Blocks made(*gguf_codec(8), 40, 64);
  const Tensor weight = in_blocks(made.matrix(), DType::F32);
  EXPECT_EQ(weight.shape(), (Shape{40, 64}));
  EXPECT_EQ(weight.to_floats(), made.values);
  EXPECT_EQ(slice(weight, 1, 3, 9).to_floats(), slice(made.unfolded(), 1, 3, 9).to_floats());
  const Tensor x = with_gradient(randn({2, 64}, 1));
  const Tensor gradient = gradients(sum_all(PackedLinear(weight, Tensor())(x)), {x})[0];
  EXPECT_LT(max_abs(gradient - expand(sum(made.unfolded(), {0}, true), {2, 64})), 1e-4);
}

TEST(BlockMatrix, WrongInputsAreRefused) {
  const InferenceScope no_gradients;
  const Blocks made(*gguf_codec(8), 40, 64);
  const Tensor weight = in_blocks(made.matrix(), DType::F32);
  EXPECT_FALSE(guard([&] { return PackedLinear(weight, Tensor())(randn({2, 32}, 1)); }));
  EXPECT_FALSE(guard([&] { return embedding(weight, Tensor::from_ints(std::vector<std::int64_t>{40}, {1})); }));
  EXPECT_FALSE(guard([&] { return embedding(weight, Tensor::from_ints(std::vector<std::int64_t>{-1}, {1})); }));
  EXPECT_EQ(PackedLinear(weight, Tensor())(randn({0, 64}, 1)).shape(), (Shape{0, 40}));
}

}  // namespace
}  // namespace vitrine::engine
