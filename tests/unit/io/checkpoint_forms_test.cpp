#include <fstream>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "engine/io/json.h"
#include "engine/io/mapped_checkpoint.h"
#include "engine/io/npy.h"
#include "engine/io/safetensors.h"
#include "golden_files.h"

namespace vitrine::engine {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using test::golden_files;

class PytorchIndex : public testing::Test {
 protected:
  /// Copies a reference file as a shard and puts its tensors into the map.
  void add(const std::string& file, const std::string& shard) {
    fs::copy_file(golden_files() / "valid/torch" / file, folder_.path() / shard);
    const auto opened = open_checkpoint(folder_.path() / shard);
    ASSERT_TRUE(opened) << sentence(opened.error());
    for (const TensorEntry& entry : (*opened)->tensors()) map_[entry.name] = shard;
  }
  Result<std::shared_ptr<const Checkpoint>> open() {
    std::ofstream(folder_.path() / "pytorch_model.bin.index.json") << json{{"weight_map", map_}};
    return open_checkpoint(folder_.path());
  }
  test::TemporaryFolder folder_;
  json map_ = json::object();
};

TEST_F(PytorchIndex, JoinsShardsOfBothForms) {
  add("views.pt", "a.bin");
  add("state_dict_old.pth", "b.bin");
  const auto whole = open();
  ASSERT_TRUE(whole) << sentence(whole.error());
  EXPECT_EQ((*whole)->format(), "pytorch");
  EXPECT_EQ((*whole)->tensors().size(), map_.size());
  EXPECT_EQ((*whole)->files().size(), 3U);
  for (const char* shard : {"a.bin", "b.bin"}) {
    const auto part = *open_checkpoint(folder_.path() / shard);
    for (const TensorEntry& entry : part->tensors()) {
      const auto one = part->read_f32(entry), other = (*whole)->read_f32(*(*whole)->find(entry.name));
      ASSERT_TRUE(one && other) << entry.name;
      EXPECT_EQ(test::checksum(*one), test::checksum(*other)) << entry.name;
    }
  }
}

TEST_F(PytorchIndex, KeepsTheSecondNamesOfItsShards) {
  add("bare_tensor.pt", "a.bin");
  add("checkpoint.pt", "b.bin");
  const auto part = *open_checkpoint(folder_.path() / "b.bin");
  const auto whole = open();
  ASSERT_TRUE(whole) << sentence(whole.error());
  std::size_t seconds = 0;
  for (const TensorEntry& entry : part->tensors()) {
    const auto dot = entry.name.find('.');
    if (dot == std::string::npos) continue;
    const TensorEntry* second = part->find(entry.name.substr(dot + 1));
    if (second == nullptr) continue;
    ++seconds;
    const TensorEntry* joined = (*whole)->find(entry.name.substr(dot + 1));
    ASSERT_NE(joined, nullptr) << entry.name;
    EXPECT_EQ(joined->name, second->name);
  }
  EXPECT_GT(seconds, 0U);
}

TEST_F(PytorchIndex, RefusesAShardThatIsNamedInTwoWays) {
  add("views.pt", "a.bin");
  ASSERT_GT(map_.size(), 1U);
  *map_.begin() = "./a.bin";
  const auto whole = open();
  ASSERT_FALSE(whole);
  EXPECT_EQ(whole.error().message, "the shard 'a.bin' is named in two ways");
}

TEST(OpenCheckpoint, AsksWhichOfSeveralFilesIsMeant) {
  const test::TemporaryFolder folder;
  const std::vector<float> values{1};
  for (const char* name : {"a.safetensors", "b.safetensors"}) ASSERT_TRUE(write_safetensors(folder.path() / name, {{"w", {1}, values}}));
  const auto two = open_checkpoint(folder.path());
  ASSERT_FALSE(two);
  EXPECT_EQ(sentence(two.error()), folder.path().string() +
            ": expected one .safetensors file in the folder, came 2 ('a.safetensors', 'b.safetensors', ...); open one of them");
  fs::rename(folder.path() / "b.safetensors", folder.path() / "expected.safetensors");
  const auto one = open_checkpoint(folder.path());
  ASSERT_TRUE(one) << sentence(one.error());
  EXPECT_EQ((*one)->tensors()[0].file, (folder.path() / "a.safetensors").string());
}

TEST(OpenCheckpoint, OpensTheFirstPartOfASplitFile) {
  const auto split = open_checkpoint(golden_files() / "valid/gguf/split");
  ASSERT_TRUE(split) << sentence(split.error());
  EXPECT_EQ((*split)->files().size(), 2U);
}

/// A matrix of 2 x 3 that a file stores as it is.
MappedCheckpoint stored_matrix() {
  MappedCheckpoint file("test");
  auto values = std::make_shared<std::vector<std::byte>>(24);
  for (int i = 0; i < 6; ++i) {
    const auto v = static_cast<float>(i);
    std::memcpy(values->data() + 4 * i, &v, 4);
  }
  EXPECT_TRUE(file.add({"w", "F32", {2, 3}, 0, 24, "m"}, {safetensors_codec("F32"), nullptr, values, {}, {}, false}));
  file.add_transposed("w.T", "w");
  return file;
}

TEST(MappedCheckpoint, ReadsATransposedNameValueByValue) {
  const MappedCheckpoint file = stored_matrix();
  const TensorEntry* turned = file.find("w.T");
  ASSERT_NE(turned, nullptr);
  EXPECT_EQ(*file.read_f32(*turned), (std::vector<float>{0, 3, 1, 4, 2, 5}));
  std::vector<float> piece(3);
  ASSERT_TRUE(file.read_f32_range(*turned, 2, piece));
  EXPECT_EQ(piece, (std::vector<float>{1, 4, 2}));
  EXPECT_EQ(file.read_f32_range(*turned, 4, piece).error().message, "'w.T' has 6 values, asked for are 3 from 4 on");
  EXPECT_EQ(file.bytes(*turned).error().message, "'w.T' is not stored under that name");
}

TEST(MappedCheckpoint, KnowsOnlyItsOwnTensors) {
  const MappedCheckpoint file = stored_matrix();
  TensorEntry other = file.tensors()[0];
  other.name = "v";
  std::vector<float> room(6);
  for (const auto& refused : {file.read_f32_into(other, room), Status(file.read_f32(other).map([](const auto&) {}))}) {
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::Usage);
    EXPECT_EQ(refused.error().message, "the checkpoint has no tensor 'v'");
  }
}

TEST(MappedCheckpoint, SaysWhatAMatrixWouldTake) {
  MappedCheckpoint file("test");
  ASSERT_TRUE(file.add({"huge", "F32", {std::int64_t{1} << 50, 1 << 11}, 0, 0, "m"}, {safetensors_codec("F32"), nullptr, nullptr, {}, {0, 0}, false}));
  const auto values = file.read_f32(file.tensors()[0]);
  ASSERT_FALSE(values);
  EXPECT_EQ(values.error().code, ErrorCode::DoesNotFit);
  EXPECT_EQ(values.error().message, "'huge' needs 9223372036854775808 bytes of memory as float32");
}

TEST(MappedFile, GivesOnlyBytesThatItHas) {
  const std::vector<std::byte> ten(10);
  const auto file = MappedFile::copy_of(ten, "ten");
  EXPECT_EQ(file->range(4, 6)->size(), 6U);
  for (const auto& [offset, count] : {std::pair<std::uint64_t, std::uint64_t>{4, 7}, {11, 0}, {UINT64_MAX, 2}, {2, UINT64_MAX}}) {
    const auto outside = file->range(offset, count);
    ASSERT_FALSE(outside);
    EXPECT_EQ(sentence(outside.error()), "ten: " + std::to_string(count) + " bytes reach past the end of the file (10 bytes) (byte " +
              std::to_string(offset) + ")");
  }
}

TEST(MappedFile, OpensNothingButFiles) {
  const test::TemporaryFolder folder;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = folder.path() / "socket";
  ASSERT_LT(path.size(), sizeof address.sun_path);
  std::copy(path.begin(), path.end(), address.sun_path);
  const int socket = ::socket(AF_UNIX, SOCK_STREAM, 0);
  ASSERT_EQ(::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  EXPECT_EQ(MappedFile::open(path).error().message, "expected a regular file, came a socket");
  EXPECT_EQ(MappedFile::open("/dev/null").error().message, "expected a regular file, came a device");
  ::close(socket);
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  EXPECT_EQ(MappedFile::adopt(ends[0], "handed over").error().message, "expected a regular file");
  ::close(ends[1]);
}

TEST(ReadJsonFile, HasTheLimitOfItsCaller) {
  const test::TemporaryFolder folder;
  const fs::path path = folder.path() / "a.json";
  std::ofstream(path) << "[1,2,3,4,5]";
  EXPECT_TRUE(read_json_file(path, 11));
  const auto large = read_json_file(path, 10);
  ASSERT_FALSE(large);
  EXPECT_EQ(large.error().code, ErrorCode::FileLimit);
  EXPECT_EQ(sentence(large.error()), path.string() + ": expected JSON of at most 10 bytes, came 11");
}

TEST(ReadNpy, RefusesComplexNumbers) {
  const auto array = read_npy(golden_files() / "valid/npy/le_c8.npy");
  ASSERT_FALSE(array);
  EXPECT_EQ(array.error().code, ErrorCode::Unsupported);
  EXPECT_EQ(array.error().message, "complex npy values are not read");
}

TEST(Safetensors, HaveShapesOfAtMostSixtyFourSizes) {
  const test::TemporaryFolder folder;
  const std::string header = json{{"w", {{"dtype", "F32"}, {"shape", std::vector<int>(65, 1)}, {"data_offsets", {0, 4}}}}}.dump();
  const std::uint64_t length = header.size();
  std::ofstream(folder.path() / "w.safetensors", std::ios::binary)
      << std::string(reinterpret_cast<const char*>(&length), 8) << header << std::string(4, '\0');
  const auto file = open_checkpoint(folder.path() / "w.safetensors");
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().message, "shape of 'w' has 65 dimensions, at most 64 are read (rank)");
}

}  // namespace
}  // namespace vitrine::engine
