#include <fstream>

#include <gtest/gtest.h>

#include "engine/io/checkpoint.h"
#include "golden_files.h"
#include "proto.h"

namespace vitrine::engine {
namespace {

using test::packed;
using test::Proto;

constexpr int kFloat = 1, kInt32 = 6, kInt64 = 7, kString = 8, kDouble = 11;

Proto tensor(std::string_view name, int type, std::initializer_list<std::uint64_t> dims) {
  Proto out;
  for (const auto n : dims) out.varint(1, n);
  out.varint(2, static_cast<std::uint64_t>(type)).text(8, name);
  return out;
}

class OnnxForms : public testing::Test {
 protected:
  Result<std::shared_ptr<const Checkpoint>> open(const Proto& graph) {
    const std::string file = Proto().varint(1, 8).text(8, Proto().varint(2, 17)).text(7, graph).bytes;
    std::ofstream(path(), std::ios::binary) << file;
    return open_checkpoint(path());
  }
  Result<std::shared_ptr<const Checkpoint>> with(const Proto& initializer) { return open(Proto().text(5, initializer)); }

  void expect_values(const Proto& initializer, const std::vector<float>& want) {
    const auto file = with(initializer);
    ASSERT_TRUE(file) << sentence(file.error());
    ASSERT_EQ((*file)->tensors().size(), 1U);
    const auto values = (*file)->read_f32((*file)->tensors()[0]);
    ASSERT_TRUE(values) << sentence(values.error());
    EXPECT_EQ(*values, want);
  }
  void expect_refusal(const Result<std::shared_ptr<const Checkpoint>>& file, const std::string& message,
                      ErrorCode code = ErrorCode::FileFormat) {
    ASSERT_FALSE(file) << message;
    EXPECT_EQ(file.error().message, message);
    EXPECT_EQ(file.error().code, code);
    EXPECT_EQ(file.error().file, path().string());
    EXPECT_TRUE(file.error().offset.has_value());
  }
  [[nodiscard]] std::filesystem::path path() const { return folder_.path() / "m.onnx"; }
  test::TemporaryFolder folder_;
};

TEST_F(OnnxForms, ValuesMayLieInSeveralPackedPieces) {
  expect_values(tensor("w", kFloat, {3}).text(4, packed({1.5F, -2.0F})).text(4, packed({0.25F})), {1.5F, -2.0F, 0.25F});
  expect_values(tensor("w", kFloat, {3}).text(4, packed({1.5F, -2.0F})).fixed32(4, 0.25F), {1.5F, -2.0F, 0.25F});
  expect_values(tensor("w", kDouble, {3}).text(10, packed({1.5, -2.0})).fixed64(10, 8.0), {1.5F, -2.0F, 8.0F});
  expect_values(tensor("w", kInt64, {3}).text(7, "\x01\x02").varint(7, 300), {1, 2, 300});
}

TEST_F(OnnxForms, ValuesOfAnotherWireTypeAreRefused) {
  expect_refusal(with(tensor("w", kFloat, {2}).text(4, packed({1.5F}) + "ab").text(4, packed({1.5F}))), "float_data of 'w' has the wrong wire type");
  expect_refusal(with(tensor("w", kFloat, {1}).varint(4, 1)), "float_data of 'w' has the wrong wire type");
  expect_refusal(with(tensor("w", kInt64, {1}).fixed64(7, 1)), "int64_data of 'w' has the wrong wire type");
  expect_refusal(with(tensor("w", kFloat, {1}).varint(9, 1)), "raw_data of 'w' has the wrong wire type");
}

TEST_F(OnnxForms, ValuesThatStandTwiceAreRefused) {
  const std::string one = packed({1.5F});
  expect_refusal(with(tensor("w", kFloat, {1}).text(9, one).text(9, one)), "tensor 'w' has raw_data two times");
  expect_refusal(with(tensor("w", kString, {1}).text(6, "a").text(9, one)), "tensor 'w' has its values two times, in string_data and raw_data");
  expect_refusal(with(tensor("w", kFloat, {1}).varint(11, 1)), "tensor 'w' of type FLOAT has its values in the field uint64_data");
}

TEST_F(OnnxForms, TextsAreCountedAndHaveNoValues) {
  expect_refusal(with(tensor("names", kString, {3}).text(6, "a").text(6, "b")), "string_data of 'names' has 2 entries, dims need 3");
  const auto file = with(tensor("names", kString, {2}).text(6, "a").text(6, "b"));
  ASSERT_TRUE(file) << sentence(file.error());
  EXPECT_EQ((*file)->read_f32((*file)->tensors()[0]).error().message, "'names' holds text, not numbers");
}

TEST_F(OnnxForms, SeparateValuesHaveALimit) {
  Proto many = tensor("w", kString, {1048577});
  std::string piece = Proto().text(6, "").bytes;
  for (int i = 0; i < 1048577; ++i) many.bytes += piece;
  const auto file = with(many);
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().code, ErrorCode::FileLimit);
  EXPECT_NE(file.error().message.find("tensor 'w' has more than "), std::string::npos) << file.error().message;
  EXPECT_TRUE(file.error().message.ends_with(" separate values in string_data")) << file.error().message;
}

TEST_F(OnnxForms, UnfoldedValuesHaveALimit) {
  constexpr std::size_t values = 13'000'000;   // a byte each in the file, eight in memory
  const auto file = with(tensor("w", kInt64, {values}).text(7, std::string(values, '\1')));
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().code, ErrorCode::FileLimit);
  EXPECT_TRUE(file.error().message.ends_with(" MB of values in typed fields; raw_data has no such limit")) << file.error().message;
}

Proto sparse(const Proto& values, const Proto& indices) { return Proto().text(1, values).text(2, indices); }

TEST_F(OnnxForms, SparseTensorsAreListedWithTheirDenseShape) {
  const Proto values = tensor("s", kFloat, {2}).text(4, packed({1.0F, 2.0F}));
  const Proto indices = tensor("i", kInt64, {2, 2}).text(9, packed<std::int64_t>({0, 1, 2, 3}));
  auto file = open(Proto().text(15, sparse(values, indices).text(3, "\x03\x04")));
  ASSERT_TRUE(file) << sentence(file.error());
  const TensorEntry* entry = (*file)->find("s");
  ASSERT_NE(entry, nullptr);
  EXPECT_EQ(entry->shape, (std::vector<std::int64_t>{3, 4}));
  EXPECT_EQ((*file)->read_f32(*entry).error().message, "'s' is a sparse tensor, whose values are listed only");
  file = open(Proto().text(15, sparse(values, indices).varint(3, 3).varint(3, 3)));
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().message, "sparse tensor 's' has the index 3 in 3 elements");
}

TEST_F(OnnxForms, SparseTensorsWhoseIndicesDoNotGoWithThemAreRefused) {
  const Proto values = tensor("s", kFloat, {2}).text(4, packed({1.0F, 2.0F}));
  const Proto narrow = tensor("i", kInt32, {2}).text(5, "\x01\x02");
  const Proto three = tensor("i", kInt64, {3}).text(7, "\x01\x02\x03");
  const Proto cube = tensor("i", kInt64, {1, 1, 2}).text(7, "\x01\x02");
  expect_refusal(open(Proto().text(15, sparse(values, narrow).varint(3, 9))), "sparse tensor 's' has no int64 indices");
  expect_refusal(open(Proto().text(15, sparse(values, cube).varint(3, 9))), "sparse tensor 's' has no int64 indices");
  expect_refusal(open(Proto().text(15, sparse(values, three).varint(3, 9))), "indices of sparse tensor 's' do not go with its dims and values");
  expect_refusal(open(Proto().text(15, sparse(values, three).varint(3, 1ULL << 62).varint(3, 4))), "dims of sparse tensor 's' overflow");
}

TEST_F(OnnxForms, ShapesHaveAtMostSixtyFourSizes) {
  Proto deep = tensor("w", kFloat, {});
  for (int i = 0; i < 65; ++i) deep.varint(1, 1);
  expect_refusal(with(deep), "tensor 'w' has more than 64 dims", ErrorCode::FileLimit);
}

TEST_F(OnnxForms, ExternalDataAreAsLongAsTheShapeNeeds) {
  std::ofstream(folder_.path() / "data.bin") << std::string(8, '\0');
  Proto outside = tensor("w", kFloat, {3});
  outside.varint(14, 1).text(13, Proto().text(1, "location").text(2, "data.bin"));
  expect_refusal(with(outside), "external data of 'w': the length is 8 bytes, dims and type need 12");
}

TEST_F(OnnxForms, TwoNodesThatWriteTheSameAreWarnedOf) {
  const Proto node = Proto().text(1, "x").text(2, "y").text(4, "Relu");
  const auto file = open(Proto().text(11, Proto().text(1, "x")).text(1, node).text(1, node));
  ASSERT_TRUE(file) << sentence(file.error());
  const auto& warnings = (*file)->warnings();
  EXPECT_NE(std::find(warnings.begin(), warnings.end(), "two nodes write 'y': a duplicate output"), warnings.end());
}

}  // namespace
}  // namespace vitrine::engine
