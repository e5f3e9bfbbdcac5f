#include "engine/io/content.h"

#include <gtest/gtest.h>

#include "golden_files.h"

namespace vitrine::engine {
namespace {

using namespace std::string_literals;

std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

std::string padded(std::string begin, std::size_t size) {
  begin.resize(size, '\0');
  return begin;
}

std::string tar() {
  std::string file = padded("weights/w", 512);
  file.replace(257, 5, "ustar");
  return file;
}

TEST(DescribeContent, NamesEveryKindThatPeopleHave) {
  const std::string zeros = padded("", 64), header = "{}      ";
  const std::vector<std::pair<std::string, const char*>> rows = {
      {"", "an empty file"},
      {"\x08\0\0\0\0\0\0\0"s + header, "a safetensors file"},
      {"GGUF" + zeros, "a GGUF file"},
      {"FUGG" + zeros, "a GGUF file"},
      {"tjgg" + zeros, "an older GGML container (GGJT, GGMF, GGML)"},
      {"lmgg" + zeros, "an older GGML container (GGJT, GGMF, GGML)"},
      {"\x08\x07\x3A\x02\x12\x00"s, "an ONNX model"},
      {"PK\x05\x06" + zeros, "a zip archive (a PyTorch archive, perhaps)"},
      {"\x80\x02}q\0."s, "a pickle (an old PyTorch file, perhaps)"},
      {" {\"a\": 1}", "JSON text"},
      {"\n<!DOCTYPE html><p>Sign in", "an HTML page"},
      {"<HEAD>", "an HTML page"},
      {"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer, not the file it stands for"},
      {"\x93NUMPY\x01\0"s, "a npy array"},
      {tar(), "a tar archive (a PyTorch file from before 2017, perhaps, which is not read)"},
      {"SQLite format 3\0"s, "an SQLite database"},
      {"\x89PNG\r\n\x1A\n", "a PNG image"},
      {"\xFF\xD8\xFF\xE0", "a JPEG image"},
      {"RIFF\x10\0\0\0WEBPVP8 "s, "a WebP image"},
      {"BM" + zeros, "a BMP image"},
      {"GIF89a" + zeros, "a GIF image"},
      {"II*\0"s + zeros, "a TIFF image"},
      {"MM\0*"s + zeros, "a TIFF image"},
      {"name,value\n1,2\n", "a text file"},
      {"\x01\x02\x03"s, "bytes of no known kind"},
      {"\x08\x07"s, "bytes of no known kind"},   // a ModelProto without a graph
      {"RIFF\x10\0\0\0WAVE"s, "bytes of no known kind"}};
  for (const auto& [file, name] : rows) EXPECT_EQ(describe_content(bytes_of(file)), name) << testing::PrintToString(file);
}

TEST(DescribeContent, TakesACutCodePointAtItsHorizonForText) {
  std::string text(4095, 'a');
  EXPECT_EQ(describe_content(bytes_of(text + "\xC3\xA9 and more")), "a text file");
  EXPECT_EQ(describe_content(bytes_of(text.substr(100) + "\xC3 and more")), "bytes of no known kind");
}

TEST(WeightsContent, BelievesTheNameOnlyWhereBytesSayNothing) {
  const std::string nothing = "\x01\x02\x03";
  const std::vector<std::pair<const char*, Content>> rows = {
      {"a.safetensors", Content::Safetensors}, {"a.gguf", Content::Gguf}, {"a.onnx", Content::Onnx}, {"a.npy", Content::Npy},
      {"a.pt", Content::Zip}, {"a.pth", Content::Zip}, {"a.ckpt", Content::Zip}, {"a.npz", Content::Zip}, {"a.bin", Content::Unknown}};
  for (const auto& [name, content] : rows) {
    EXPECT_EQ(weights_content(bytes_of(nothing), name), content) << name;
    EXPECT_EQ(weights_content({}, name), content) << name;
    EXPECT_EQ(weights_content(bytes_of("GGUF...."), name), Content::Gguf) << name;
    EXPECT_EQ(weights_content(bytes_of("<html>"), name), Content::Unknown) << name;
  }
}

TEST(ImageContent, IsThatOfTheSixFormats) {
  for (const Content c : {Content::Png, Content::Jpeg, Content::Webp, Content::Bmp, Content::Gif, Content::Tiff})
    EXPECT_TRUE(is_image_content(c));
  for (const Content c : {Content::Empty, Content::Json, Content::Zip, Content::Unknown}) EXPECT_FALSE(is_image_content(c));
}

}  // namespace
}  // namespace vitrine::engine
