#include "engine/isolate/checkpoint_answer.h"

#include <cstring>

#include <gtest/gtest.h>

#include "engine/io/bytes.h"
#include "engine/isolate/message.h"
#include "tests/unit/io/golden_files.h"

namespace vitrine::engine::isolate {
namespace {

using nlohmann::json;

std::span<const std::byte> bytes_of(const std::string& text) { return std::as_bytes(std::span(text)); }

TEST(WireValue, ComesBackAsItWas) {
  const json value = {{"a", {1, -2, 3.5, true, nullptr, "ä"}}, {"b", json::object()}, {"c", json::array()}, {"d", UINT64_MAX}};
  WireWriter out;
  out.put_json(value);
  const std::string written = out.bytes();
  WireReader in(bytes_of(written));
  EXPECT_EQ(in.take_json(), value);
  EXPECT_TRUE(in.end());
}

TEST(WireValue, ThatIsCutAnywhereIsRefused) {
  WireWriter out;
  out.put_json({{"a", {1, 2.5, "text"}}, {"b", {{"c", nullptr}}}});
  const std::string written = out.bytes();
  for (std::size_t size = 0; size < written.size(); ++size) {
    WireReader in(bytes_of(written).first(size));
    static_cast<void>(in.take_json());
    EXPECT_FALSE(in.end()) << size;
  }
}

// What is no text ends the program where it is written as JSON.
TEST(WireValue, WithATextThatIsNotUtf8IsRefused) {
  for (const json& value : {json("a\xFF"), json{{"\xC3", 1}}}) {
    WireWriter out;
    out.put_json(value);
    const std::string written = out.bytes();
    WireReader in(bytes_of(written));
    static_cast<void>(in.take_json());
    EXPECT_NE(in.end().error().message.find("not UTF-8"), std::string::npos);
  }
}

TEST(WireValue, ThatNestsWithoutEndIsRefused) {
  std::string deep;
  for (int i = 0; i < 100'000; ++i) deep += std::string("\x07\x01\0\0\0\0\0\0\0", 9);
  WireReader in(bytes_of(deep));
  static_cast<void>(in.take_json());
  EXPECT_NE(in.end().error().message.find("too deep"), std::string::npos);
}

TEST(WireValue, ThatCountsMoreThanIsThereAllocatesNothing) {
  const std::string many("\x07\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x7F", 9);
  WireReader in(bytes_of(many));
  static_cast<void>(in.take_json());
  EXPECT_NE(in.end().error().message.find("things where 0 bytes are left"), std::string::npos);
}

TEST(WireColumn, LiesInTheMessageAtAMultipleOfEight) {
  const std::vector<std::uint64_t> numbers = {1, 2, 3};
  WireWriter out;
  out.put_text("abc");
  out.put_column(std::span<const std::uint64_t>(numbers));
  out.put_column(std::span(std::string_view("text")));
  out.put_u8(7);
  const std::string written = out.bytes();
  EXPECT_EQ(written.size(), out.size());
  WireReader in(bytes_of(written));
  EXPECT_EQ(in.take_text(), "abc");
  const auto column = in.take_column(8);
  EXPECT_EQ((reinterpret_cast<const char*>(column.data()) - written.data()) % 8, 0);
  ASSERT_EQ(column.size(), 24U);
  EXPECT_EQ(std::memcmp(column.data(), numbers.data(), column.size()), 0);
  EXPECT_EQ(as_text(in.take_column(1)), "text");
  EXPECT_EQ(in.take_u8(), 7);
  EXPECT_TRUE(in.end());
  WireReader wrong(bytes_of(written));
  static_cast<void>(wrong.take_text());
  static_cast<void>(wrong.take_column(16));
  EXPECT_NE(wrong.end().error().message.find("a column of 24 bytes, expected a multiple of 16"), std::string::npos);
}

TEST(Message, ThatIsCutOrTooLongIsRefused) {
  Message open;
  open.kind = Message::Kind::Open;
  open.text = "model.safetensors";
  const std::string bytes = encode_message(open);
  EXPECT_EQ(decode_message(bytes_of(bytes))->text, open.text);
  for (std::size_t size = 0; size < bytes.size(); ++size) EXPECT_FALSE(decode_message(bytes_of(bytes).first(size)));
  EXPECT_FALSE(decode_message(bytes_of(bytes + "x")));
  EXPECT_FALSE(decode_message(bytes_of("\x7F" + bytes.substr(1))));
}

/// A checkpoint as a reader writes it down, and the file that it is about.
struct Written {
  std::string bytes;
  AnswerMaterial material;
};

Written write_down(const std::filesystem::path& path) {
  const auto opened = open_checkpoint(path);
  EXPECT_TRUE(opened);
  Written written;
  written.material.files = {*MappedFile::open(path)};
  std::vector<std::shared_ptr<const std::vector<std::byte>>> decoded;
  WireWriter out;
  EXPECT_TRUE(put_checkpoint(dynamic_cast<const MappedCheckpoint&>(**opened), written.material.files, decoded, out));
  for (const auto& bytes : decoded) {
    auto memory = make_sealed(*bytes);
    EXPECT_TRUE(memory);
    written.material.decoded.push_back(*MappedFile::adopt(memory->release(), "decoded"));
  }
  written.bytes = out.bytes();
  return written;
}

/// Reads every value of what was believed: nothing outside the file may be touched.
void read_all(const Checkpoint& checkpoint) {
  for (const auto& entry : checkpoint.tensors()) {
    static_cast<void>(checkpoint.bytes(entry));
    if (entry.numel() < 1'000'000) static_cast<void>(checkpoint.read_f32(entry));
  }
}

class CheckpointAnswer : public testing::TestWithParam<const char*> {};

TEST_P(CheckpointAnswer, ThatIsCutAnywhereIsRefused) {
  const Written written = write_down(test::golden_files() / GetParam());
  WireReader whole(bytes_of(written.bytes));
  EXPECT_TRUE(take_checkpoint(whole, written.material));
  for (std::size_t size = 0; size < written.bytes.size(); ++size) {
    WireReader in(bytes_of(written.bytes).first(size));
    EXPECT_FALSE(take_checkpoint(in, written.material)) << size;
  }
}

TEST_P(CheckpointAnswer, ThatIsWrongInAnyByteReadsNothingOutsideTheFile) {
  Written written = write_down(test::golden_files() / GetParam());
  const std::string original = written.bytes;
  int refused = 0;
  for (std::size_t at = 0; at < original.size(); ++at)
    for (const char value : {'\0', '\1', '\x7F', '\x80', '\xFF'}) {
      written.bytes[at] = value;
      WireReader in(bytes_of(written.bytes));
      const auto taken = take_checkpoint(in, written.material);
      if (taken) read_all(**taken);
      else ++refused;
      written.bytes[at] = original[at];
    }
  EXPECT_GT(refused, 50);
}

INSTANTIATE_TEST_SUITE_P(Formats, CheckpointAnswer,
                         testing::Values("valid/control/good.safetensors", "valid/control/good.gguf", "valid/control/good.onnx",
                                         "valid/control/good.pt", "valid/control/good.npz"));

}  // namespace
}  // namespace vitrine::engine::isolate
