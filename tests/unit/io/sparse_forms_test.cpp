#include <fstream>

#include <gtest/gtest.h>

#include "engine/io/checkpoint.h"
#include "golden_files.h"
#include "proto.h"

namespace vitrine::engine {
namespace {

using namespace std::string_literals;
using test::packed;

std::string text(const std::string& value) { return "U" + std::string(1, static_cast<char>(value.size())) + value; }
std::string whole(std::int64_t value) { return "\x8A\x08" + packed({value}); }
std::string tuple(std::initializer_list<std::int64_t> values) {
  std::string out = "(";
  for (const auto v : values) out += whole(v);
  return out + "t";
}

/// An old PyTorch file of one sparse tensor.
class SparseForms : public testing::Test {
 protected:
  struct Storage {
    std::string type;
    std::uint64_t count = 0;
    std::string bytes;
  };
  template <class T>
  static Storage of(const std::string& type, std::initializer_list<T> values) {
    return {type, values.size(), packed(values)};
  }
  /// A dense tensor of a new storage.
  std::string tensor(Storage storage, std::initializer_list<std::int64_t> shape, std::initializer_list<std::int64_t> strides,
                     const std::string& facts = "") {
    const std::string key(1, static_cast<char>('0' + storages_.size()));
    std::string out = "ctorch._utils\n_rebuild_tensor_v2\n((" + text("storage") + "ctorch\n" + storage.type + "\n" + text(key) + text("cpu") +
                      whole(static_cast<std::int64_t>(storage.count)) + "NtQK\0"s + tuple(shape) + tuple(strides) + "\x89" +
                      "ccollections\nOrderedDict\n)R" + facts + "tR";
    storages_.push_back(std::move(storage));
    return out;
  }
  static std::string sparse(const std::string& layout, const std::string& parts) {
    return "ctorch._utils\n_rebuild_sparse_tensor\n(ctorch.serialization\n_get_layout\n(" + text("torch.sparse_" + layout) + "tR(" + parts + "ttR";
  }
  Result<std::shared_ptr<const Checkpoint>> open(const std::string& object, char little_endian = '\x88') {
    std::string file = "\x80\x02\x8A\x0A\x6C\xFC\x9C\x46\xF9\x20\x6A\xA8\x50\x19.\x80\x02M\xE9\x03.\x80\x02}"s + text("little_endian") + little_endian + "s.";
    file += "\x80\x02}" + text("s") + object + "s.\x80\x02](";
    for (std::size_t i = 0; i < storages_.size(); ++i) file += text(std::string(1, static_cast<char>('0' + i)));
    file += "e.";
    for (const Storage& storage : storages_) file += packed({storage.count}) + storage.bytes;
    storages_.clear();
    const auto path = folder_.path() / "s.pth";
    std::ofstream(path, std::ios::binary) << file;
    return open_checkpoint(path);
  }
  void expect_refusal(const std::string& object, const std::string& mention) {
    const auto file = open(object);
    ASSERT_FALSE(file) << mention;
    EXPECT_EQ(file.error().code, ErrorCode::FileFormat);
    EXPECT_NE(file.error().message.find(mention), std::string::npos) << file.error().message;
    EXPECT_TRUE(file.error().offset.has_value());
  }
  std::string floats() { return tensor(of("FloatStorage", {1.5F, 2.0F}), {2}, {1}); }
  std::string longs(std::initializer_list<std::int64_t> values) {
    return tensor(of("LongStorage", values), {static_cast<std::int64_t>(values.size())}, {1});
  }
  std::string matrix(std::initializer_list<std::int64_t> values, std::int64_t rows, std::int64_t columns) {
    return tensor(of("LongStorage", values), {rows, columns}, {columns, 1});
  }

  test::TemporaryFolder folder_;
  std::vector<Storage> storages_;
};

TEST_F(SparseForms, ValuesOfOnePlaceAreAddedInTheirType) {
  const std::string indices = matrix({1, 1, 0}, 1, 3);
  const auto file = open(sparse("coo", indices + tensor(of<std::int32_t>("IntStorage", {5, -7, 2}), {3}, {1}) + tuple({3})));
  ASSERT_TRUE(file) << sentence(file.error());
  const auto values = (*file)->read_f32(*(*file)->find("s"));
  ASSERT_TRUE(values) << sentence(values.error());
  EXPECT_EQ(*values, (std::vector<float>{2, -2, 0}));
}

TEST_F(SparseForms, CompressedRowsGiveTheirMatrix) {
  const auto file = open(sparse("csr", longs({0, 1, 1, 2}) + longs({1, 0}) + floats() + tuple({3, 2})));
  ASSERT_TRUE(file) << sentence(file.error());
  const auto values = (*file)->read_f32(*(*file)->find("s"));
  ASSERT_TRUE(values) << sentence(values.error());
  EXPECT_EQ(*values, (std::vector<float>{0, 1.5F, 0, 0, 2, 0}));
}

TEST_F(SparseForms, BigEndianPartsGiveTheSameValues) {
  const auto file = open(sparse("coo", matrix({0, static_cast<std::int64_t>(0x0200000000000000)}, 1, 2) +
                                           tensor(of<std::uint32_t>("FloatStorage", {0x0000C03F, 0x000000C0}), {2}, {1}) + tuple({3})), '\x89');
  ASSERT_TRUE(file) << sentence(file.error());
  const auto values = (*file)->read_f32(*(*file)->find("s"));
  ASSERT_TRUE(values) << sentence(values.error());
  EXPECT_EQ(*values, (std::vector<float>{1.5F, 0, -2}));
}

TEST_F(SparseForms, ValuesOfALazyViewAreListedOnly) {
  const std::string indices = matrix({0, 1}, 1, 2);
  const auto file = open(sparse("coo", indices + tensor(of("FloatStorage", {1.5F, 2.0F}), {2}, {1}, "}" + text("neg") + "\x88s") + tuple({3})));
  ASSERT_TRUE(file) << sentence(file.error());
  EXPECT_EQ((*file)->find("s")->shape, (std::vector<std::int64_t>{3}));
  EXPECT_EQ((*file)->read_f32(*(*file)->find("s")).error().message, "values of a lazy view (neg) are not read");
}

TEST_F(SparseForms, PartsThatDoNotGoTogetherAreRefused) {
  expect_refusal(sparse("coo", tensor(of("FloatStorage", {1.0F, 0.0F}), {1, 2}, {2, 1}) + floats() + tuple({3})), "expected indices of type int64 or int32, came float32");
  expect_refusal(sparse("coo", longs({0, 1}) + floats() + tuple({3})), "expected indices of [axes, values] for a shape of 1 axes");
  expect_refusal(sparse("coo", matrix({0, 1, 0, 1}, 2, 2) + floats() + tuple({3})), "expected indices of [axes, values] for a shape of 1 axes");
  expect_refusal(sparse("coo", matrix({0, 1, 2}, 1, 3) + floats() + tuple({3})), "its values do not go with 3 indices on 1 axes of its shape");
  expect_refusal(sparse("csr", longs({0, 2}) + longs({0, 1}) + floats() + tuple({1, 2, 1})), "expected a matrix of layout csr, came a shape of 3 axes and values of 1");
}

TEST_F(SparseForms, PartsThatAreNoTensorsAreRefused) {
  expect_refusal("ctorch._utils\n_rebuild_sparse_tensor\n(" + text("torch.sparse_coo") + "K\1tR", "expected a layout and parts of a sparse tensor");
  expect_refusal(sparse("coo", "N" + floats() + tuple({3})), "expected the indices and values of a sparse tensor to be tensors");
  expect_refusal(sparse("coo", tensor(of<std::int64_t>("LongStorage", {1}), {1, 2}, {0, 0}) + floats() + tuple({3})),
                 "the indices or values of a sparse tensor are expanded by stride 0");
  expect_refusal(sparse("coo", matrix({0, 1}, 1, 2) + floats() + tuple({std::int64_t{1} << 62, 4})),
                 "the size (shape) of a sparse tensor overflows: more than 2^63 values");
}

/// One row more than that has no number of its own.
TEST_F(SparseForms, AsManyRowsAsANumberCanCountAreRefusedByTheirBounds) {
  expect_refusal(sparse("csr", longs({0, 2}) + longs({0, 1}) + floats() + tuple({INT64_MAX, 1})), "2 index bounds and 2 values do not go with");
  expect_refusal(sparse("csr", tensor(of<std::int64_t>("LongStorage", {}), {0}, {1}) + longs({0, 1}) + floats() + tuple({0, 1})),
                 "0 index bounds and 2 values do not go with");
}

}  // namespace
}  // namespace vitrine::engine
