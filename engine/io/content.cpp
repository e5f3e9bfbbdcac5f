#include "engine/io/content.h"

#include <algorithm>
#include <cctype>

#include "engine/io/bytes.h"
#include "engine/io/protobuf.h"

namespace vitrine::engine {
namespace {

constexpr std::size_t kLook = 4096;

std::string_view trimmed(std::string_view text) {
  const auto at = text.find_first_not_of(" \t\r\n");
  return at == std::string_view::npos ? std::string_view{} : text.substr(at);
}

bool is_html(std::string_view text) {
  std::string begin(trimmed(text).substr(0, 15));
  std::transform(begin.begin(), begin.end(), begin.begin(), [](unsigned char c) { return std::tolower(c); });
  return begin.starts_with("<!doctype html") || begin.starts_with("<html") || begin.starts_with("<head");
}

bool is_plain_text(std::string_view text) {
  if (text.empty() || text.find('\0') != std::string_view::npos) return false;
  const auto bad = first_bad_utf8(text);
  if (bad && (text.size() < kLook || *bad + 4 < text.size())) return false;
  return std::none_of(text.begin(), text.end(), [](unsigned char c) { return c < 9 || (c > 13 && c < 32); });
}

/// A protobuf whose top-level fields are those of ModelProto, whole to the end.
bool is_onnx(std::span<const std::byte> bytes) {
  ProtoReader reader(bytes, 0);
  bool graph = false;
  while (!reader.done()) {
    const auto field = reader.next();
    if (!field || field->number > 32) return false;
    if (field->number == 7 && field->wire == ProtoWire::Bytes) graph = true;
    if (field->number == 1 && field->wire != ProtoWire::Varint) return false;
  }
  return graph;
}

bool is_safetensors(std::span<const std::byte> bytes) {
  if (bytes.size() < 9) return false;
  const auto length = load_le<std::uint64_t>(bytes.data());
  return length >= 2 && length <= bytes.size() - 8 && as_text(bytes.subspan(8, 1)) == "{";
}

}  // namespace

Content content_of(std::span<const std::byte> bytes) {
  if (bytes.empty()) return Content::Empty;
  const std::string_view text = as_text(bytes.first(std::min(bytes.size(), kLook)));
  const auto begins = [&](std::string_view magic) { return text.starts_with(magic); };
  if (begins("GGUF") || begins("FUGG")) return Content::Gguf;
  if (begins("tjgg") || begins("fmgg") || begins("lmgg") || begins("algg")) return Content::GgmlOld;
  if (begins("version https://git-lfs")) return Content::LfsPointer;
  if (begins("PK\x03\x04") || begins("PK\x05\x06")) return Content::Zip;
  if (begins("\x93NUMPY")) return Content::Npy;
  if (begins("SQLite format 3")) return Content::Sqlite;
  if (begins("\x89PNG")) return Content::Png;
  if (begins("\xFF\xD8\xFF")) return Content::Jpeg;
  if (begins("RIFF") && text.substr(8, 4) == "WEBP") return Content::Webp;
  if (begins("GIF8")) return Content::Gif;
  if (begins("BM") && text.size() > 26 && text.substr(6, 4) == std::string_view("\0\0\0\0", 4)) return Content::Bmp;
  if (begins(std::string_view("II*\0", 4)) || begins(std::string_view("MM\0*", 4))) return Content::Tiff;
  if (text.size() > 262 && text.substr(257, 5) == "ustar") return Content::Tar;
  if (is_safetensors(bytes)) return Content::Safetensors;
  if (is_html(text)) return Content::Html;
  if (text.size() > 1 && text[0] == '\x80' && text[1] >= 2 && text[1] <= 5) return Content::Pickle;
  const std::string_view start = trimmed(text);
  if (!start.empty() && (start[0] == '{' || start[0] == '[') && is_plain_text(text)) return Content::Json;
  if (is_plain_text(text)) return Content::Text;
  if (is_onnx(bytes)) return Content::Onnx;
  return Content::Unknown;
}

Content weights_content(std::span<const std::byte> bytes, std::string_view file_name) {
  const Content content = content_of(bytes);
  switch (content) {
    case Content::Safetensors: case Content::Gguf: case Content::Onnx: case Content::Zip: case Content::Pickle:
    case Content::Npy:
      return content;
    default: break;
  }
  if (content != Content::Unknown && content != Content::Empty) return Content::Unknown;
  if (file_name.ends_with(".safetensors")) return Content::Safetensors;
  if (file_name.ends_with(".gguf")) return Content::Gguf;
  if (file_name.ends_with(".onnx")) return Content::Onnx;
  if (file_name.ends_with(".npy")) return Content::Npy;
  for (const std::string_view extension : {".pt", ".pth", ".ckpt", ".npz"})
    if (file_name.ends_with(extension)) return Content::Zip;
  return Content::Unknown;
}

bool is_image_content(Content content) {
  switch (content) {
    case Content::Png: case Content::Jpeg: case Content::Webp: case Content::Bmp: case Content::Gif: case Content::Tiff:
      return true;
    default: return false;
  }
}

std::string describe_content(std::span<const std::byte> bytes) {
  switch (content_of(bytes)) {
    case Content::Empty: return "an empty file";
    case Content::Safetensors: return "a safetensors file";
    case Content::Gguf: return "a GGUF file";
    case Content::GgmlOld: return "an older GGML container (GGJT, GGMF, GGML)";
    case Content::Onnx: return "an ONNX model";
    case Content::Zip: return "a zip archive (a PyTorch archive, perhaps)";
    case Content::Pickle: return "a pickle (an old PyTorch file, perhaps)";
    case Content::Json: return "JSON text";
    case Content::Html: return "an HTML page";
    case Content::LfsPointer: return "a Git LFS pointer, not the file it stands for";
    case Content::Npy: return "a npy array";
    case Content::Tar: return "a tar archive (a PyTorch file from before 2017, perhaps, which is not read)";
    case Content::Sqlite: return "an SQLite database";
    case Content::Png: return "a PNG image";
    case Content::Jpeg: return "a JPEG image";
    case Content::Webp: return "a WebP image";
    case Content::Bmp: return "a BMP image";
    case Content::Gif: return "a GIF image";
    case Content::Tiff: return "a TIFF image";
    case Content::Text: return "a text file";
    case Content::Unknown: break;
  }
  return "bytes of no known kind";
}

}  // namespace vitrine::engine
