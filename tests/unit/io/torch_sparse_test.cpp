#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "engine/io/checkpoint.h"
#include "engine/io/torch_sparse.h"

namespace vitrine::engine {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

const fs::path kFolder = VITRINE_SOURCE_DIR "/tests/golden/sparse";

void expect_as_torch(const char* file) {
  std::ifstream in(kFolder / "layouts.json");
  const json wanted = json::parse(in);
  const auto opened = open_checkpoint(kFolder / file);
  ASSERT_TRUE(opened) << sentence(opened.error());
  for (const TensorEntry& entry : (*opened)->tensors()) {
    SCOPED_TRACE(entry.name);
    const json& row = wanted.at(entry.name);
    EXPECT_EQ(entry.dtype, row["dtype"].get<std::string>());
    EXPECT_EQ(entry.shape, row["shape"].get<std::vector<std::int64_t>>());
    const auto values = (*opened)->read_f32(entry);
    ASSERT_TRUE(values) << sentence(values.error());
    std::vector<float> expected;
    for (const json& v : row["values"]) expected.push_back(static_cast<float>(v.get<double>()));
    EXPECT_EQ(*values, expected);
  }
}

TEST(SparseTorch, HasTheDenseValuesOfTorch) { expect_as_torch("layouts.pt"); }
TEST(SparseTorch, HasThemInTheOlderStream) { expect_as_torch("layouts_old.pt"); }

TEST(SparseTorch, SaysItsLayoutAndWhatIsStored) {
  const auto opened = open_checkpoint(kFolder / "layouts.pt");
  ASSERT_TRUE(opened);
  EXPECT_EQ((*opened)->metadata()["sparse"]["bsr"], (json{{"layout", "sparse_bsr"}, {"stored", 4}}));
  EXPECT_EQ((*opened)->warnings(), std::vector<std::string>{"15 sparse tensors are shown with the zeros"});
  EXPECT_FALSE((*opened)->metadata()["sparse"].contains("plain"));
}

TEST(SparseTorch, WithoutRoomForItsZerosIsListedAlone) {
  const auto opened = open_checkpoint(kFolder / "huge.pt");
  ASSERT_TRUE(opened) << sentence(opened.error());
  const TensorEntry* huge = (*opened)->find("huge");
  ASSERT_NE(huge, nullptr);
  EXPECT_EQ(huge->shape, (std::vector<std::int64_t>{100000, 100000}));
  std::vector<float> some(4);
  const auto values = (*opened)->read_f32_into(*huge, some);
  ASSERT_FALSE(values);
  EXPECT_NE(values.error().message.find("would take 40000000000 bytes with its zeros"), std::string::npos) << values.error().message;
  EXPECT_TRUE((*opened)->read_f32(*(*opened)->find("plain")));
}

/// Many names for one sparse tensor cost what many tensors would: a limit of the file, not of each.
TEST(SparseTorch, ThatShareTheirPartsShareTheLimitAsWell) {
  TorchTensor tensor;
  tensor.codec = torch_codec("float32");
  tensor.shape = {4};
  auto sparse = std::make_shared<TorchSparse>();
  sparse->layout = "coo";
  sparse->values = tensor;
  sparse->values.shape = {2};
  sparse->indices = {tensor};
  sparse->indices[0].codec = torch_codec("int64");
  sparse->indices[0].shape = {1, 2};
  tensor.sparse = sparse;
  const std::vector<std::byte> bytes(16);
  std::uint64_t room = 100;
  const auto open = [&] { return dense_of(tensor, [&](std::size_t) { return Result<StorageBytes>(StorageBytes{bytes, 0, false}); }, room, "f"); };
  for (const std::uint64_t left : {60U, 20U}) {
    const auto dense = open();
    ASSERT_TRUE(dense && dense->bytes);
    EXPECT_EQ(room, left);
  }
  const auto none = open();
  ASSERT_TRUE(none);
  EXPECT_FALSE(none->bytes);
  EXPECT_NE(none->no_values.find("20 bytes are left"), std::string::npos) << none->no_values;
}

struct Bad {
  const char* name;
  const char* says;
};
void PrintTo(const Bad& bad, std::ostream* out) { *out << bad.name; }

class BadSparseTorch : public testing::TestWithParam<Bad> {};

TEST_P(BadSparseTorch, IsRefusedAtItsByte) {
  const auto opened = open_checkpoint(kFolder / ("bad_" + std::string(GetParam().name) + ".pt"));
  ASSERT_FALSE(opened);
  EXPECT_NE(opened.error().message.find(GetParam().says), std::string::npos) << opened.error().message;
  EXPECT_TRUE(opened.error().offset.has_value());
}

INSTANTIATE_TEST_SUITE_P(Files, BadSparseTorch, testing::Values(
    Bad{"coo_beyond", "sparse tensor: the index 3 is outside of axis 1 of size 3"}, Bad{"coo_negative", "sparse tensor: the index -1 is outside of axis 0 of size 2"},
    Bad{"csr_bounds_start", "its index bounds go from 1 to 1, not from 0 to 1"}, Bad{"csr_bounds_end", "its index bounds go from 0 to 3, not from 0 to 1"},
    Bad{"csr_bounds_fall", "its index bounds go from 2 to 1"}, Bad{"csr_beyond", "the index 2 is outside of an axis of size 2"},
    Bad{"csr_order", "the index 0 follows 1, expected a larger one"}, Bad{"csr_lines", "2 index bounds and 1 values do not go with 2 lines and 1 indices"},
    Bad{"bsr_blocks", "its blocks do not divide its shape"}), [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace vitrine::engine
