#include <fstream>
#include <regex>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "engine/io/checkpoint.h"
#include "golden_files.h"

namespace vitrine::engine {
namespace {

namespace fs = std::filesystem;

class SafetensorsHeader : public testing::Test {
 protected:
  Result<std::shared_ptr<const Checkpoint>> open(const std::string& header, std::size_t data) const {
    const fs::path path = folder_.path() / "x.safetensors";
    const std::uint64_t length = header.size();
    std::ofstream out(path, std::ios::binary);
    out.write(reinterpret_cast<const char*>(&length), sizeof length) << header << std::string(data, '\0');
    out.close();
    return open_checkpoint(path);
  }
  std::string refusal(const std::string& header, std::size_t data) const {
    const auto opened = open(header, data);
    return opened ? "opened" : opened.error().message;
  }

  test::TemporaryFolder folder_;
};

/// The same JSON, so spelled that it is read as a tree of values.
std::string spelled_otherwise(const std::string& header) {
  return std::regex_replace(header, std::regex("\"dtype\""), "\"\\u0064type\"");
}

TEST_F(SafetensorsHeader, IsTheSameHoweverItIsSpelled) {
  const std::string plain = R"({"b":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},"a":{"shape":[],"data_offsets":[24,26],"dtype":"BF16"},)"
                            R"("é\n":{"dtype":"U8","shape":[0],"data_offsets":[26,26]},"__metadata__":{"format":"pt"}})";
  const std::string spaced = std::regex_replace(plain, std::regex("([\\[\\]{}:,])"), " $1\n\t");
  const auto first = open(plain, 26);
  ASSERT_TRUE(first) << sentence(first.error());
  ASSERT_EQ((*first)->tensors().size(), 3U);
  EXPECT_EQ((*first)->metadata()["format"], "pt");
  for (const std::string& other : {spelled_otherwise(plain), "{" + spaced.substr(spaced.find('{') + 1), spelled_otherwise("{" + spaced.substr(spaced.find('{') + 1))}) {
    const auto opened = open(other, 26);
    ASSERT_TRUE(opened) << sentence(opened.error()) << other;
    for (std::size_t i = 0; i < 3; ++i) {
      const TensorEntry &x = (*first)->tensors()[i], &y = (*opened)->tensors()[i];
      EXPECT_EQ(x.name, y.name);
      EXPECT_EQ(x.dtype, y.dtype);
      EXPECT_EQ(x.shape, y.shape);
      EXPECT_EQ(x.bytes, y.bytes);
      EXPECT_EQ(x.offset - (*first)->tensors()[0].offset, y.offset - (*opened)->tensors()[0].offset);
    }
  }
}

TEST_F(SafetensorsHeader, IsRefusedWithOneSentenceHoweverItIsSpelled) {
  const auto one = [](const char* shape, const char* offsets, const char* dtype = "\"F32\"") {
    return fmt::format(R"({{"w":{{"dtype":{},"shape":{},"data_offsets":{}}}}})", dtype, shape, offsets);
  };
  const struct {
    std::string header;
    const char* says;
  } rows[] = {
      {one("[4]", "[0,16]", "\"F31\""), "unknown dtype 'F31'"},
      {one("[4]", "[0,16]", "7"), "dtype of 'w' to be a string"},
      {one("[04]", "[0,16]"), "leading zero"},
      {one("[4.0]", "[0,16]"), "holds 4.0"},
      {one("[-4]", "[0,16]"), "holds -4"},
      {one("[4,]", "[0,16]"), "expected a value"},
      {one("[9223372036854775808]", "[0,16]"), "holds 9223372036854775808"},
      {one("[18446744073709551617,4]", "[0,16]"), "holds 1.8446744073709552e"},
      {one("[4294967296,4294967296]", "[0,16]"), "more than 2^63 values"},
      {one("[4]", "[16,0]"), "end before they begin"},
      {one("[4]", "[0,17]"), "reach past the 16 bytes"},
      {one("[3]", "[0,16]"), "need 12 bytes, data_offsets give 16"},
      {one("[4]", "[0]"), "must be a list of two numbers"},
      {one("[4]", "[0,16,16]"), "must be a list of two numbers"},
      {one("[4]", "[0,16],\"more\":1"), "unknown field 'more'"},
      {one("[4]", "[0,16],\"shape\":[4]"), "duplicate key: 'shape'"},
      {one("4", "[0,16]"), "to be a list"},
      {R"({"w":{"dtype":"F32","shape":[4],"data_offsets":[0,16]},"w":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}})",
       "duplicate key: 'w' stands twice"},
      {R"({"w":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}} x)", "expected the end of the JSON text"},
      {R"({"w":{"dtype":"F32","shape":[4],"data_offsets":[0,16]})", "expected ',' or '}'"},
      {R"({"w":{"dtype":"F32","shape":[4],"data_offsets":[0,16]},})", "a key in double quotes"},
  };
  for (const auto& row : rows) {
    const std::string said = refusal(row.header, 16);
    EXPECT_NE(said.find(row.says), std::string::npos) << row.header << "\n" << said;
    EXPECT_EQ(refusal(spelled_otherwise(row.header), 16), said) << row.header;
  }
}

TEST_F(SafetensorsHeader, SaysWhereANameStandsAgain) {
  const std::string first = R"({"w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)";
  const auto opened = open(first + R"("w":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})", 2);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().offset, 8 + first.size());
}

/// Tensors of one byte each; what comes behind the last follows.
std::string many_bytes(std::size_t count) {
  std::string header = "{";
  for (std::size_t i = 0; i < count; ++i)
    header += fmt::format(R"({}"block.{}.w":{{"dtype":"U8","shape":[1],"data_offsets":[{},{}]}})", i == 0 ? "" : ",", i, i, i + 1);
  return header;
}

// Names are looked at in batches: what comes first is said all the same.
TEST_F(SafetensorsHeader, IsRefusedForWhatComesFirst) {
  constexpr std::size_t kCount = 1000;
  const std::string many = many_bytes(kCount);
  const std::string again = R"(,"block.10.w":{"dtype":"U8","shape":[1],"data_offsets":[1000,1001]})";
  for (const char* behind : {"}", R"(,"x":{"dtype":"U7","shape":[1],"data_offsets":[1001,1002]}})", R"(,"x":1})", R"(,"x")"}) {
    const auto opened = open(many + again + behind, kCount + 1);
    ASSERT_FALSE(opened);
    EXPECT_NE(opened.error().message.find("duplicate key: 'block.10.w' stands twice"), std::string::npos) << opened.error().message;
    EXPECT_EQ(opened.error().offset, 8 + many.size() + 1);
  }
  const std::string wrong = R"(,"x":{"dtype":"U7","shape":[1],"data_offsets":[1000,1001]})";
  EXPECT_NE(refusal(many + wrong + again + "}", kCount + 1).find("unknown dtype 'U7'"), std::string::npos);
  EXPECT_NE(refusal(many + R"(,"block.10.w":{"dtype":"U7","shape":[1],"data_offsets":[0,1]}})", kCount).find("duplicate key"), std::string::npos);
}

TEST_F(SafetensorsHeader, MayListItsValuesInAnyOrder) {
  const auto three = [](int a, int b, int c) {
    return fmt::format(R"({{"a":{{"dtype":"U8","shape":[2],"data_offsets":[{},{}]}},"b":{{"dtype":"U8","shape":[2],"data_offsets":[{},{}]}},)"
                       R"("c":{{"dtype":"U8","shape":[2],"data_offsets":[{},{}]}}}})", a, a + 2, b, b + 2, c, c + 2);
  };
  EXPECT_EQ(refusal(three(4, 0, 2), 6), "opened");
  EXPECT_NE(refusal(three(4, 0, 1), 6).find("data_offsets of 'c' overlap the tensor before it"), std::string::npos);
  EXPECT_NE(refusal(three(5, 0, 2), 7).find("data_offsets leave a hole of 1 bytes before 'a'"), std::string::npos);
  EXPECT_NE(refusal(three(4, 0, 2), 9).find("3 trailing bytes"), std::string::npos);
}

TEST_F(SafetensorsHeader, OfManyTensorsFindsEach) {
  constexpr std::size_t kCount = 100'000;
  const auto opened = open(many_bytes(kCount) + "}", kCount);
  ASSERT_TRUE(opened) << sentence(opened.error());
  const auto& tensors = (*opened)->tensors();
  ASSERT_EQ(tensors.size(), kCount);
  for (std::size_t i = 0; i < kCount; i += 7) {
    const TensorEntry* found = (*opened)->find(fmt::format("block.{}.w", i));
    ASSERT_NE(found, nullptr);
    EXPECT_EQ(found->offset, tensors[0].offset + i);
  }
  EXPECT_EQ((*opened)->find("block.100000.w"), nullptr);
}

}  // namespace
}  // namespace vitrine::engine
