#include <fstream>

#include <gtest/gtest.h>

#include "engine/io/checkpoint.h"
#include "engine/io/float_convert.h"
#include "golden_files.h"
#include "proto.h"

namespace vitrine::engine {
namespace {

using test::packed;

constexpr std::uint32_t kU8 = 0, kU16 = 2, kU32 = 4, kText = 8, kArray = 9, kU64 = 10;

std::string text(std::string_view value) { return packed<std::uint64_t>({value.size()}) + std::string(value); }

/// A GGUF file, version 3.
struct Gguf {
  std::uint64_t pairs = 0, tensors = 0;
  std::string metadata, infos, data;

  template <class T>
  Gguf& put(std::string_view key, std::uint32_t type, T value) {
    ++pairs;
    metadata += text(key) + packed({type});
    if constexpr (std::is_convertible_v<T, std::string_view>) metadata += text(value);
    else metadata += packed({value});
    return *this;
  }
  Gguf& list(std::string_view key, std::initializer_list<std::uint32_t> values) {
    ++pairs;
    metadata += text(key) + packed({kArray, kU32}) + packed<std::uint64_t>({values.size()}) + packed(values);
    return *this;
  }
  Gguf& tensor(std::string_view name, std::uint32_t type, std::uint64_t count, std::string bytes) {
    ++tensors;
    data.resize((data.size() + 31) / 32 * 32, '\0');
    infos += text(name) + packed({std::uint32_t{1}}) + packed({count}) + packed({type}) + packed<std::uint64_t>({data.size()});
    data += bytes;
    return *this;
  }
  [[nodiscard]] std::string bytes() const {
    std::string out = "GGUF" + packed({std::uint32_t{3}}) + packed({tensors, pairs}) + metadata + infos;
    out.resize((out.size() + 31) / 32 * 32, '\0');
    return out + data;
  }
};

class GgufForms : public testing::Test {
 protected:
  Result<std::shared_ptr<const Checkpoint>> open(const std::string& bytes, const std::string& name = "m.gguf") {
    write(bytes, name);
    return open_checkpoint(folder_.path() / name);
  }
  void write(const std::string& bytes, const std::string& name) const { std::ofstream(folder_.path() / name, std::ios::binary) << bytes; }
  test::TemporaryFolder folder_;
};

std::string eight_bit_codes(int count) {
  std::string codes;
  for (int i = 0; i < count; ++i) codes.push_back(static_cast<char>(i * 37 % 256 - 128));
  return codes;
}

TEST_F(GgufForms, BlocksOfEightBitsAreCodeTimesScale) {
  const std::string small = eight_bit_codes(32), large = eight_bit_codes(256);
  const std::string q8_1 = packed({float_to_half(0.5F), float_to_half(99.0F)}) + small;
  const std::string q8_k = packed({-0.25F}) + large + std::string(32, '\x7F');
  const auto file = open(Gguf().tensor("a", 9, 64, q8_1 + q8_1).tensor("b", 15, 256, q8_k).bytes());
  ASSERT_TRUE(file) << sentence(file.error());
  const auto a = (*file)->read_f32(*(*file)->find("a")), b = (*file)->read_f32(*(*file)->find("b"));
  ASSERT_TRUE(a && b);
  EXPECT_EQ((*file)->find("a")->dtype, "Q8_1");
  EXPECT_EQ((*file)->find("b")->dtype, "Q8_K");
  for (std::size_t i = 0; i < 64; ++i) ASSERT_EQ((*a)[i], 0.5F * static_cast<signed char>(small[i % 32])) << i;
  for (std::size_t i = 0; i < 256; ++i) ASSERT_EQ((*b)[i], -0.25F * static_cast<signed char>(large[i])) << i;
}

/// What is read piece by piece is what is read whole, wherever a piece begins inside a block.
TEST_F(GgufForms, PiecesOfATensorAreThoseOfTheWhole) {
  std::string blocks;
  for (int block = 0; block < 3; ++block) blocks += packed({float_to_half(0.5F + static_cast<float>(block)), float_to_half(0)}) + eight_bit_codes(32);
  const auto file = open(Gguf().tensor("a", 9, 96, blocks).bytes());
  ASSERT_TRUE(file) << sentence(file.error());
  const TensorEntry& entry = (*file)->tensors()[0];
  const auto whole = (*file)->read_f32(entry);
  ASSERT_TRUE(whole);
  for (const auto& [begin, count] : {std::pair{0, 96}, {0, 32}, {5, 3}, {5, 27}, {5, 60}, {31, 2}, {32, 64}, {95, 1}, {96, 0}, {40, 56}}) {
    std::vector<float> part(static_cast<std::size_t>(count));
    ASSERT_TRUE((*file)->read_f32_range(entry, static_cast<std::uint64_t>(begin), part));
    EXPECT_TRUE(std::equal(part.begin(), part.end(), whole->begin() + begin)) << begin << " " << count;
  }
  std::vector<float> part(3);
  const auto outside = (*file)->read_f32_range(entry, 94, part);
  ASSERT_FALSE(outside);
  EXPECT_EQ(outside.error().code, ErrorCode::ShapeMismatch);
  EXPECT_EQ(outside.error().message, "'a' has 96 values, asked for are 3 from 94 on");
  EXPECT_FALSE((*file)->read_f32_range(entry, UINT64_MAX, part));
}

Gguf llama() {
  return Gguf().put("general.architecture", kText, "llama").put("llama.block_count", kU32, std::uint32_t{2}).put("llama.embedding_length", kU32, std::uint32_t{64});
}

TEST_F(GgufForms, HeadsMayDifferFromLayerToLayer) {
  EXPECT_TRUE(open(llama().list("llama.attention.head_count", {4, 8}).list("llama.attention.head_count_kv", {4, 0}).bytes()));
  const auto wrong = open(llama().list("llama.attention.head_count", {4, 1U << 20}).bytes());
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().message, "llama.attention.head_count is 1048576, expected a whole number from 1 to 65536");
  const auto odd = open(llama().put("llama.attention.head_count", kU32, std::uint32_t{8}).put("llama.attention.head_count_kv", kU16, std::uint16_t{3}).bytes());
  ASSERT_FALSE(odd);
  EXPECT_EQ(odd.error().message, "llama.attention.head_count 8 is not a multiple of head_count_kv 3");
}

TEST_F(GgufForms, CountsThatAFileOfZerosCouldHoldHaveLimits) {
  const auto path = folder_.path() / "m.gguf";
  write("GGUF" + packed({std::uint32_t{3}}) + packed<std::uint64_t>({(1 << 20) + 1, 0}), "m.gguf");
  std::filesystem::resize_file(path, 34 << 20);
  const auto tensors = open_checkpoint(path);
  ASSERT_FALSE(tensors);
  EXPECT_EQ(sentence(tensors.error()), path.string() + ": tensor count 1048577 is above the limit of 1048576 (byte 8)");
  write("GGUF" + packed({std::uint32_t{3}}) + packed<std::uint64_t>({0, 1}) + text("k") + packed({kArray, kU8}) + packed<std::uint64_t>({20'000'000}), "m.gguf");
  std::filesystem::resize_file(path, 20'000'100);
  const auto unfolded = open_checkpoint(path);
  ASSERT_FALSE(unfolded);
  EXPECT_EQ(unfolded.error().code, ErrorCode::FileLimit);
  EXPECT_EQ(unfolded.error().message, "metadata unfolds to more than 160 MB beyond the size of the file (count of array elements)");
}

Gguf part(std::uint16_t number, std::uint64_t total, std::string_view name) {
  return Gguf().put("split.no", kU16, number).put("split.count", kU16, std::uint16_t{2}).put("split.tensors.count", kU64, total)
      .tensor(name, 0, 1, packed({static_cast<float>(number)}));
}

TEST_F(GgufForms, PartsMustBeWhatTheirNamesSay) {
  write(part(1, 2, "b").bytes(), "m-00002-of-00002.gguf");
  auto file = open(part(0, 2, "a").bytes(), "m-00001-of-00002.gguf");
  ASSERT_TRUE(file) << sentence(file.error());
  EXPECT_EQ((*file)->tensors().size(), 2U);
  EXPECT_EQ((*file)->files().size(), 2U);
  write(part(0, 2, "b").bytes(), "m-00002-of-00002.gguf");
  file = open_checkpoint(folder_.path() / "m-00001-of-00002.gguf");
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().message, "'m-00002-of-00002.gguf' says that it is another split part");
  write(part(1, 2, "b").bytes(), "m-00002-of-00002.gguf");
  file = open(part(0, 7, "a").bytes(), "m-00001-of-00002.gguf");
  ASSERT_TRUE(file) << sentence(file.error());
  const auto& warnings = (*file)->warnings();
  EXPECT_NE(std::find(warnings.begin(), warnings.end(), "split.tensors.count is 7, the parts hold 2"), warnings.end());
}

std::string refusal(const Result<std::shared_ptr<const Checkpoint>>& file) { return file ? "opened" : file.error().message; }

TEST_F(GgufForms, HyperparametersThatContradictEachOtherAreRefused) {
  const auto u32 = [](Gguf file, const char* key, std::uint32_t value) { return file.put(key, kU32, value); };
  const Gguf heads = u32(llama(), "llama.attention.head_count", 4);
  EXPECT_EQ(refusal(open(u32(heads, "llama.attention.head_count_kv", 8).bytes())), "llama.attention.head_count_kv 8 is more than head_count 4");
  EXPECT_EQ(refusal(open(u32(heads, "llama.rope.dimension_count", 32).bytes())), "llama.rope.dimension_count 32 is more than the 16 of a head");
  EXPECT_EQ(refusal(open(llama().tensor("token_embd.weight", 0, 32, std::string(128, '\0')).bytes())),
            "token_embd.weight is 32 wide, llama.embedding_length says 64");
  EXPECT_EQ(refusal(open(Gguf().put(std::string(4097, 'k'), kU32, std::uint32_t{1}).bytes())),
            "metadata key has a length of 4097 bytes, at most 4096 are read");
  const auto endless = open(u32(llama(), "llama.context_length", 0).bytes());
  ASSERT_TRUE(endless);
  const auto& warnings = (*endless)->warnings();
  EXPECT_NE(std::find(warnings.begin(), warnings.end(), "llama.context_length is 0: the length limit is unknown"), warnings.end());
}

TEST_F(GgufForms, ByteTokensAreWrittenInHexadecimal) {
  Gguf file = Gguf().put("tokenizer.ggml.model", kText, "llama");
  file.pairs += 2;
  file.metadata += text("tokenizer.ggml.tokens") + packed({kArray, kText}) + packed<std::uint64_t>({4}) + text("<0x0A>") + text("<0xfF>") + text("<0xG0>") + text("0x00");
  file.metadata += text("tokenizer.ggml.token_type") + packed({kArray, kU32}) + packed<std::uint64_t>({4}) + packed<std::uint32_t>({6, 6, 6, 6});
  const auto opened = open(file.bytes());
  ASSERT_TRUE(opened) << sentence(opened.error());
  const auto& warnings = (*opened)->warnings();
  EXPECT_NE(std::find(warnings.begin(), warnings.end(), "2 byte tokens are not written <0x00> to <0xFF>"), warnings.end());
}

TEST_F(GgufForms, NamesTheHyperparameterThatIsWrong) {
  const auto model = [] {
    return Gguf().put("general.architecture", kText, "llama").put("llama.block_count", kU32, 2U).put("llama.embedding_length", kU32, 8U)
        .tensor("w", 0, 4, std::string(16, '\0'));
  };
  ASSERT_TRUE(open(model().bytes()));
  for (const char* key : {"llama.rope.freq_base", "llama.rope.scaling.factor", "llama.expert_count", "llama.attention.value_length"}) {
    const auto opened = open(model().put(key, kText, "many").bytes());
    ASSERT_FALSE(opened) << key;
    EXPECT_NE(opened.error().message.find(key), std::string::npos) << opened.error().message;
  }
  const auto few = open(model().list("llama.attention.head_count", {2, 2, 2}).bytes());
  ASSERT_FALSE(few);
  EXPECT_EQ(few.error().message, "llama.attention.head_count has 3 entries for 2 layers (block_count)");
  const auto experts = open(model().put("llama.expert_count", kU32, 2U).put("llama.expert_used_count", kU32, 4U).bytes());
  ASSERT_FALSE(experts);
  EXPECT_EQ(experts.error().message, "llama.expert_used_count 4 is more than expert_count 2");
  const auto part = open(model().put("split.count", kText, "2").bytes());
  ASSERT_FALSE(part);
  EXPECT_EQ(part.error().message, "split.count is \"2\", expected a whole number from 0");
  EXPECT_EQ(refusal(open(model().put("llama.rope.scaling.type", kU32, 3U).bytes())), "llama.rope.scaling.type is 3, expected a name");
}

TEST_F(GgufForms, VocabulariesMustBeOfTheirTypes) {
  const auto vocabulary = [](const char* key, std::uint32_t type, const std::string& two_values) {
    Gguf file = Gguf().put("tokenizer.ggml.model", kText, "llama");
    file.pairs += 2;
    file.metadata += text("tokenizer.ggml.tokens") + packed({kArray, kText}) + packed<std::uint64_t>({2}) + text("a") + text("b");
    file.metadata += text(key) + packed({kArray, type}) + packed<std::uint64_t>({2}) + two_values;
    return file;
  };
  constexpr std::uint32_t kFloat = 6;
  EXPECT_EQ(refusal(open(vocabulary("tokenizer.ggml.scores", kText, text("0") + text("1")).bytes())), "tokenizer.ggml.scores holds a string, expected numbers");
  EXPECT_EQ(refusal(open(vocabulary("tokenizer.ggml.token_type", kFloat, packed({1.5F, 1.0F})).bytes())),
            "tokenizer.ggml.token_type holds 1.5, expected whole numbers");
  EXPECT_EQ(refusal(open(vocabulary("tokenizer.ggml.merges", kU32, packed({1U, 2U})).bytes())), "expected tokenizer.ggml.merges to be an array of strings");
  const auto told = open(vocabulary("tokenizer.ggml.scores", kFloat, packed({-1.0F, -2.0F})).put("tokenizer.ggml.add_bos_token", kU32, 1U).bytes());
  ASSERT_TRUE(told) << sentence(told.error());
  const auto& warnings = (*told)->warnings();
  EXPECT_NE(std::find(warnings.begin(), warnings.end(), "tokenizer.ggml.add_bos_token is 1, expected true or false"), warnings.end());
}

}  // namespace
}  // namespace vitrine::engine
