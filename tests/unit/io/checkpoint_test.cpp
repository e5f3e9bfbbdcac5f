#include "engine/io/checkpoint.h"

#include <fstream>

#include <gtest/gtest.h>

#include "engine/io/mapped_file.h"
#include "engine/io/onnx_graph.h"
#include "engine/io/safetensors.h"
#include "golden_files.h"

namespace vitrine::engine {
namespace {

namespace fs = std::filesystem;

/// A safetensors file of more than a page-wise copy, so that it is mapped.
fs::path write_large(const fs::path& folder) {
  const std::vector<float> values(400'000, 1.5F);
  const fs::path path = folder / "large.safetensors";
  EXPECT_TRUE(write_safetensors(path, {{"w", {400, 1000}, values}}));
  return path;
}

TEST(OpenCheckpoint, FindsTheWeightsOfAFolder) {
  const test::TemporaryFolder folder;
  const std::vector<float> values{1, 2, 3, 4};
  EXPECT_EQ(open_checkpoint(folder.path()).error().code, ErrorCode::FileMissing);
  ASSERT_TRUE(write_safetensors(folder.path() / "model.safetensors", {{"w", {2, 2}, values}}));
  ASSERT_TRUE(write_safetensors(folder.path() / "input.safetensors", {{"x", {4}, values}}));
  const auto opened = open_checkpoint(folder.path());
  ASSERT_TRUE(opened) << sentence(opened.error());
  EXPECT_EQ((*opened)->tensors().size(), 1U);
  EXPECT_EQ((*opened)->find("w")->shape, (std::vector<std::int64_t>{2, 2}));
}

TEST(OpenCheckpoint, DecidesByContentBeforeName) {
  const test::TemporaryFolder folder;
  const std::vector<float> values{1};
  ASSERT_TRUE(write_safetensors(folder.path() / "weights.bin", {{"w", {}, values}}));
  EXPECT_EQ((*open_checkpoint(folder.path() / "weights.bin"))->format(), "safetensors");
}

TEST(Checkpoint, ReadsIntoMemoryOfTheCallersAndChecksItsSize) {
  const test::TemporaryFolder folder;
  const auto opened = open_checkpoint(write_large(folder.path()));
  ASSERT_TRUE(opened);
  const TensorEntry& entry = (*opened)->tensors()[0];
  std::vector<float> right(400'000), wrong(3);
  EXPECT_TRUE((*opened)->read_f32_into(entry, right));
  EXPECT_EQ(right[399'999], 1.5F);
  EXPECT_EQ((*opened)->read_f32_into(entry, wrong).error().code, ErrorCode::ShapeMismatch);
}

TEST(Checkpoint, SurvivesAFileThatShrinks) {
  const test::TemporaryFolder folder;
  const fs::path path = write_large(folder.path());
  const auto opened = open_checkpoint(path);
  ASSERT_TRUE(opened);
  fs::resize_file(path, 5000);
  const auto values = (*opened)->read_f32((*opened)->tensors()[0]);
  ASSERT_FALSE(values);
  EXPECT_NE(values.error().message.find("shorter"), std::string::npos) << values.error().message;
}

TEST(PathInside, StaysInTheFolder) {
  const test::TemporaryFolder folder;
  std::ofstream(folder.path() / "a.bin") << "x";
  fs::create_directories(folder.path() / "sub/deep");
  std::ofstream(folder.path() / "sub/deep/b.bin") << "x";
  fs::create_symlink("sub/deep/b.bin", folder.path() / "inside");
  fs::create_symlink("/", folder.path() / "sub/outside");
  for (const char* name : {"a.bin", "sub/deep/b.bin", "./a.bin", "inside"})
    EXPECT_TRUE(path_inside(folder.path(), name, "path")) << name;
  for (const char* name : {"", ".", "..", "../a.bin", "sub/../a.bin", "/a.bin", "none", "sub/outside/etc/hostname",
                           "C:/a", "a\\b", "file:a.bin", "http://a", "~/a"})
    EXPECT_FALSE(path_inside(folder.path(), name, "path")) << name;
}

TEST(PathInside, LetsAHubCacheLinkToItsOwnBlobs) {
  const test::TemporaryFolder folder;
  fs::create_directories(folder.path() / "repo/snapshots/1");
  fs::create_directories(folder.path() / "repo/blobs");
  std::ofstream(folder.path() / "repo/blobs/abc") << "x";
  fs::create_symlink("../../blobs/abc", folder.path() / "repo/snapshots/1/model.safetensors");
  EXPECT_TRUE(path_inside(folder.path() / "repo/snapshots/1", "model.safetensors", "path"));
}

TEST(AttributeMatrices, NamesAConstantByTheBiasThatFollows) {
  const std::vector<OnnxNode> nodes = {
      {"", "MatMul", {"x", "onnx::MatMul_1"}, {"a"}},  {"", "Add", {"l.key.bias", "a"}, {"b"}},
      {"", "MatMul", {"x", "named.weight"}, {"c"}},     {"", "MatMul", {"x", "onnx::MatMul_2"}, {"d"}},
      {"", "Concat", {"onnx::Concat_3", "d"}, {"e"}},
  };
  const auto found =
      attribute_matrices(nodes, {"onnx::MatMul_1", "onnx::MatMul_2", "onnx::Concat_3", "l.key.bias", "named.weight"});
  ASSERT_EQ(found.size(), 3U);
  EXPECT_EQ(found[0].name, "l.key.weight");
  EXPECT_TRUE(found[0].transposed);
  EXPECT_EQ(found[1].name, "");
  EXPECT_EQ(found[2].op, "Concat");
}

}  // namespace
}  // namespace vitrine::engine
