#include <fmt/format.h>
#include <webp/decode.h>

#include "engine/core/memory.h"
#include "engine/io/image_codecs.h"

namespace vitrine::engine::image {
namespace {

constexpr std::size_t kHeader = 12;

std::uint32_t le32(Bytes file, std::size_t at) {
  return std::uint32_t{file[at + 3]} << 24 | std::uint32_t{file[at + 2]} << 16 |
         std::uint32_t{file[at + 1]} << 8 | file[at];
}

}  // namespace

Result<Image8> decode_webp(Bytes file, Warnings& warnings) {
  if (file.size() < kHeader + 8) return fail(ErrorCode::FileFormat, "WebP: the file is truncated");
  const std::uint64_t stated = std::uint64_t{le32(file, 4)} + 8;
  if (stated > file.size())
    return fail_file(ErrorCode::FileFormat, {},
                     fmt::format("WebP: the RIFF size says {} bytes, the file has {} (truncated)",
                                 stated, file.size()),
                     4);
  if (stated + 1 < file.size())
    warnings.push_back(
        fmt::format("WebP: {} bytes of data after the RIFF size", file.size() - stated));
  WebPBitstreamFeatures features{};
  if (WebPGetFeatures(file.data(), file.size(), &features) != VP8_STATUS_OK)
    return fail(ErrorCode::FileFormat, "WebP: the image header is corrupt or truncated");
  // Lossless pictures and alpha are unpacked whole beside the result.
  const bool whole = features.format == 2 || features.has_alpha != 0;
  VITRINE_CHECK(check_size("WebP", static_cast<std::uint64_t>(features.width),
                           static_cast<std::uint64_t>(features.height), whole ? 8 : 4));
  if (features.has_animation != 0)
    return fail(ErrorCode::Unsupported, "WebP: animated images are not supported");
  constexpr std::uint64_t kPixelsPerByte = 1 << 20;
  if (static_cast<std::uint64_t>(features.width) * static_cast<std::uint64_t>(features.height) /
          kPixelsPerByte >
      file.size())
    return fail(ErrorCode::FileFormat, fmt::format("WebP: {} bytes cannot hold the size {} x {}",
                                                   file.size(), features.width, features.height));
  Image8 out = blank(static_cast<std::uint64_t>(features.width),
                     static_cast<std::uint64_t>(features.height), 3);
  WebPDecoderConfig config;
  if (WebPInitDecoderConfig(&config) == 0) return fail(ErrorCode::Unsupported, "WebP: another version of the decoder");
  config.output.colorspace = MODE_RGB;
  config.output.is_external_memory = 1;
  config.output.u.RGBA = {out.pixels.data(), 3 * features.width, out.pixels.size()};
  const VP8StatusCode status = WebPDecode(file.data(), file.size(), &config);
  if (status == VP8_STATUS_OUT_OF_MEMORY) return fail(out_of_memory({}));
  if (status != VP8_STATUS_OK)
    return fail(ErrorCode::FileFormat, "WebP: the image data is corrupt or truncated");
  return out;
}

}  // namespace vitrine::engine::image
