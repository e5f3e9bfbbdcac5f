#include <sys/resource.h>

#include <fstream>

#include <gtest/gtest.h>
#include <zlib.h>

#include "engine/io/codec.h"
#include "engine/io/mapped_file.h"
#include "engine/io/npy.h"
#include "engine/io/quantised.h"
#include "golden_files.h"
#include "proto.h"

namespace vitrine::engine {
namespace {

namespace fs = std::filesystem;
using namespace std::string_literals;
using test::packed;
using test::Proto;

class Limits : public testing::Test {
 protected:
  Result<std::shared_ptr<const Checkpoint>> open(const std::string& bytes, const std::string& name) {
    std::ofstream(folder_.path() / name, std::ios::binary) << bytes;
    return open_checkpoint(folder_.path() / name);
  }
  /// A safetensors file of one tensor of zeros that takes no room on the disk.
  fs::path hollow(const std::string& tensors, std::uintmax_t data) {
    const fs::path path = folder_.path() / "hollow.safetensors";
    std::ofstream(path, std::ios::binary) << packed<std::uint64_t>({tensors.size()}) << tensors;
    fs::resize_file(path, 8 + tensors.size() + data);
    return path;
  }
  test::TemporaryFolder folder_;
};

/// Little more address space than is taken now, as long as one of these is there.
class LittleRoom {
 public:
  explicit LittleRoom(rlim_t more) {
    ::getrlimit(RLIMIT_AS, &before_);
    std::uint64_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    rlimit now = before_;
    now.rlim_cur = pages * 4096 + more;
    ::setrlimit(RLIMIT_AS, &now);
  }
  ~LittleRoom() { ::setrlimit(RLIMIT_AS, &before_); }
  LittleRoom(const LittleRoom&) = delete;
  LittleRoom& operator=(const LittleRoom&) = delete;

 private:
  rlimit before_{};
};

constexpr rlim_t kMegabyte = 1 << 20;

TEST_F(Limits, AFileThatCannotBeMappedIsSaidToBeTooLarge) {
  const fs::path path = hollow("{}", 1024 * kMegabyte);
  Result<std::shared_ptr<const MappedFile>> file = fail(ErrorCode::Internal, "");
  {
    const LittleRoom room(256 * kMegabyte);
    file = MappedFile::open(path);
  }
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().code, ErrorCode::FileLimit);
  EXPECT_EQ(sentence(file.error()), path.string() + ": 1073741834 bytes cannot be mapped: Cannot allocate memory");
}

TEST_F(Limits, AMatrixThatDoesNotFitSaysWhatItNeeds) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "the sanitizer ends a process that finds no memory";
#endif
  const std::string header = R"({"a.weight":{"dtype":"I8","shape":[16384,16384],"data_offsets":[0,268435456]},)"
                             R"("a.weight_scale":{"dtype":"F32","shape":[1],"data_offsets":[268435456,268435460]}})";
  const auto file = open_checkpoint(hollow(header, 268435460));
  ASSERT_TRUE(file) << sentence(file.error());
  const auto plain = dequantised(*file, nlohmann::json());
  ASSERT_TRUE(plain) << sentence(plain.error());
  Result<std::vector<float>> values = fail(ErrorCode::Internal, "");
  {
    const LittleRoom room(256 * kMegabyte);
    values = (*plain)->read_f32(*(*plain)->find("a.weight"));
  }
  ASSERT_FALSE(values);
  EXPECT_EQ(values.error().code, ErrorCode::DoesNotFit);
  EXPECT_EQ(values.error().message, "'a.weight' needs 1073741824 bytes of memory as float32");
}

std::string repeated(const std::string& what, std::size_t times) {
  std::string out;
  out.reserve(what.size() * times);
  while (times-- > 0) out += what;
  return out;
}

void expect_limit(const Result<std::shared_ptr<const Checkpoint>>& file, const std::string& message) {
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().code, ErrorCode::FileLimit);
  EXPECT_EQ(file.error().message, message);
  EXPECT_TRUE(file.error().offset.has_value());
}

TEST_F(Limits, OnnxGraphsHaveAsManyPartsAsGraphsHave) {
  const auto model = [](const std::string& graph) { return Proto().varint(1, 8).text(7, graph).bytes; };
  expect_limit(open(model("") + repeated(Proto().text(25, "").bytes, 2001), "functions.onnx"), "more than 2000 functions");
  expect_limit(open(model(repeated(Proto().text(1, "").bytes, (1 << 20) + 1)), "nodes.onnx"), "more than 1048576 nodes");
  expect_limit(open(model(Proto().text(1, repeated(Proto().text(1, "").bytes, (1 << 22) + 1)).bytes), "edges.onnx"),
               "more than 4194304 node inputs and outputs");
  std::string tensors;
  for (int i = 0; i <= 1 << 20; ++i) tensors += Proto().text(5, Proto().varint(1, 0).varint(2, 1).text(8, std::to_string(i))).bytes;
  expect_limit(open(model(tensors), "tensors.onnx"), "more than 1048576 tensors");
}

/// A zip archive of one member.
std::string zip_of(const std::string& name, const std::string& content, std::uint16_t method, std::uint32_t size) {
  const auto crc = static_cast<std::uint32_t>(::crc32(0, reinterpret_cast<const Bytef*>(content.data()), static_cast<uInt>(content.size())));
  const auto stored = static_cast<std::uint32_t>(content.size());
  const std::string common = packed<std::uint16_t>({20, 0, method, 0, 0}) + packed({crc, stored, size}) +
                             packed<std::uint16_t>({static_cast<std::uint16_t>(name.size()), 0});
  const std::string local = "PK\3\4" + common + name + content;
  const std::string directory = "PK\1\2" + packed<std::uint16_t>({20}) + common + std::string(14, '\0') + name;
  const std::string central = directory.substr(0, 42) + std::string(4, '\0') + name;
  return local + central + "PK\5\6" + packed<std::uint16_t>({0, 0, 1, 1}) +
         packed({static_cast<std::uint32_t>(central.size()), static_cast<std::uint32_t>(local.size())}) + std::string(2, '\0');
}

TEST_F(Limits, ZipMembersInflateOnlySoFar) {
  const auto file = open(zip_of("a/data.pkl", std::string(100, 'x'), 8, 97 << 20), "a.pt");
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().code, ErrorCode::FileLimit);
  EXPECT_EQ(file.error().message, "the zip member 'a/data.pkl' inflates to 101711872 bytes, above the limit of 100663296");
}

TEST_F(Limits, AnArrayThatInflatesALotIsWarnedOf) {
  const std::string npy = npy_preamble({5'000'000}) + std::string(20'000'000, '\0');
  std::string packed_npy(1 << 20, '\0');
  z_stream stream{};
  ASSERT_EQ(::deflateInit2(&stream, 9, Z_DEFLATED, -MAX_WBITS, 9, Z_DEFAULT_STRATEGY), Z_OK);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(npy.data()));
  stream.avail_in = static_cast<uInt>(npy.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed_npy.data());
  stream.avail_out = static_cast<uInt>(packed_npy.size());
  ASSERT_EQ(::deflate(&stream, Z_FINISH), Z_STREAM_END);
  packed_npy.resize(stream.total_out);
  ::deflateEnd(&stream);
  const auto file = open(zip_of("w.npy", packed_npy, 8, static_cast<std::uint32_t>(npy.size())), "a.npz");
  ASSERT_TRUE(file) << sentence(file.error());
  const auto& warnings = (*file)->warnings();
  EXPECT_TRUE(std::any_of(warnings.begin(), warnings.end(), [](const auto& w) { return w.starts_with("the member 'w.npy' inflates ") && w.ends_with(" bytes"); }));
}

TEST_F(Limits, ThePickleOfAPytorchArchiveIsSpelledInLowerCase) {
  const auto file = open(zip_of("a/DATA.PKL", "N.", 0, 2), "a.pt");
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().message, "expected data.pkl in lower case in the zip archive");
}

TEST(Codecs, HaveNumbersThatGiveThemBack) {
  std::uint32_t count = 0;
  for (; const Codec* codec = codec_of_number(count); ++count) EXPECT_EQ(number_of_codec(*codec), count);
  EXPECT_GT(count, 60U);
  const Codec copy = *codec_of_number(0);
  EXPECT_EQ(number_of_codec(copy), std::nullopt) << "only those of the tables have one";
}

}  // namespace
}  // namespace vitrine::engine
