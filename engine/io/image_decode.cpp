#include <cstring>
#include <string_view>

#include <fmt/format.h>

#include "engine/core/memory.h"
#include "engine/io/content.h"
#include "engine/io/image_codecs.h"
#include "engine/io/mapped_file.h"

namespace vitrine::engine {
namespace image {

Status check_size(const char* format, std::uint64_t width, std::uint64_t height,
                  std::uint64_t bytes_per_pixel) {
  if (width == 0 || height == 0)
    return fail(ErrorCode::FileFormat,
                fmt::format("{}: the size {} x {} has no pixels", format, width, height));
  if (width > kMaxSide || height > kMaxSide || width * height > kMaxPixelBytes / bytes_per_pixel)
    return fail(ErrorCode::FileLimit,
                fmt::format("{}: the size {} x {} is over the limit of {} pixels and {} a side",
                            format, width, height, kMaxPixelBytes / bytes_per_pixel, kMaxSide));
  return {};
}

Image8 blank(std::uint64_t width, std::uint64_t height, int channels) {
  Image8 out;
  out.width = static_cast<int>(width);
  out.height = static_cast<int>(height);
  out.channels = channels;
  out.pixels.resize(static_cast<std::size_t>(width * height) * static_cast<std::size_t>(channels));
  return out;
}

}  // namespace image

namespace {

constexpr std::uintmax_t kMaxFile = std::uintmax_t{1} << 29;

bool starts(image::Bytes file, std::string_view magic, std::size_t at = 0) {
  return file.size() >= at + magic.size() &&
         std::memcmp(file.data() + at, magic.data(), magic.size()) == 0;
}

Result<Image8> decode_any(image::Bytes file, image::Warnings& warnings) {
  using namespace std::string_view_literals;
  if (file.empty()) return fail(ErrorCode::FileFormat, "the image file is empty");
  if (starts(file, "\x89PNG\r\n\x1A\n")) return image::decode_png(file, warnings);
  if (starts(file, "\xFF\xD8\xFF")) return image::decode_jpeg(file, warnings);
  if (starts(file, "RIFF") && starts(file, "WEBP", 8)) return image::decode_webp(file, warnings);
  if (starts(file, "GIF87a") || starts(file, "GIF89a")) return image::decode_gif(file, warnings);
  if (starts(file, "BM")) return image::decode_bmp(file, warnings);
  if (starts(file, "II*\0"sv) || starts(file, "MM\0*"sv) || starts(file, "II+\0"sv) || starts(file, "MM\0+"sv))
    return image::decode_tiff(file, warnings);
  const std::string_view head(reinterpret_cast<const char*>(file.data()),
                              std::min<std::size_t>(file.size(), 512));
  if (head.find("<svg") != std::string_view::npos ||
      head.find("<!DOCTYPE svg") != std::string_view::npos)
    return fail(ErrorCode::Unsupported, "SVG drawings are not supported; save the image as PNG");
  return fail_file(ErrorCode::FileFormat, {},
                   fmt::format("the content is not recognised as an image: expected PNG, JPEG, WebP, BMP, GIF or "
                               "TIFF, came {}", describe_content(std::as_bytes(file))), 0);
}

}  // namespace

Image8 with_channels(const Image8& in, int channels) {
  if (in.channels == channels) return in;
  Image8 out = image::blank(static_cast<std::uint64_t>(in.width),
                            static_cast<std::uint64_t>(in.height), channels);
  const std::size_t n = static_cast<std::size_t>(in.width) * static_cast<std::size_t>(in.height);
  for (std::size_t i = 0; i < n; ++i) {
    if (channels == 1) {
      const std::uint8_t* p = &in.pixels[3 * i];
      out.pixels[i] =
          static_cast<std::uint8_t>((p[0] * 19595u + p[1] * 38470u + p[2] * 7471u + 0x8000u) >> 16);
    } else {
      std::memset(&out.pixels[3 * i], in.pixels[i], 3);
    }
  }
  return out;
}

Result<Image8> decode_image_bytes(std::span<const std::uint8_t> bytes, const std::string& name,
                                  int channels, std::vector<std::string>* warnings) {
  if (channels != 1 && channels != 3)
    return fail(ErrorCode::InvalidInput,
                fmt::format("images have 1 or 3 channels here, not {}", channels));
  return within_memory(name, [&]() -> Result<Image8> {
    image::Warnings said;
    auto decoded = decode_any(bytes, said);
    if (warnings != nullptr) *warnings = std::move(said);
    if (!decoded) {
      decoded.error().file = name;
      return decoded;
    }
    return with_channels(*decoded, channels);
  });
}

Result<Image8> decode_image(const std::filesystem::path& path, int channels,
                            std::vector<std::string>* warnings) {
  return within_memory(path.native(), [&]() -> Result<Image8> {
    VITRINE_TRY(const auto file, MappedFile::open(path));
    if (file->size() > kMaxFile)
      return fail_file(
          ErrorCode::FileLimit, path.string(),
          fmt::format("the image file has {} bytes, the limit is {}", file->size(), kMaxFile));
    const auto bytes = file->bytes();
    VITRINE_TRY(auto image, decode_image_bytes({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()},
                                               path.string(), channels, warnings));
    VITRINE_CHECK(file->check_whole());
    return image;
  });
}

}  // namespace vitrine::engine
