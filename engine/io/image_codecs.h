#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "engine/core/error.h"
#include "engine/io/image.h"

namespace vitrine::engine::image {

using Bytes = std::span<const std::uint8_t>;
using Warnings = std::vector<std::string>;

/// Most memory that the pixels of one picture may take while it is decoded.
inline constexpr std::uint64_t kMaxPixelBytes = std::uint64_t{256} << 20;
inline constexpr std::uint64_t kMaxSide = 1'000'000;

/// Called before anything is allocated for pixels.
/// @param bytes_per_pixel most that decoding takes at any time; the picture becomes RGB in any case
/// @error FileFormat if a side is 0, FileLimit if the picture is too large; messages start with
/// `format`
[[nodiscard]] Status check_size(const char* format, std::uint64_t width, std::uint64_t height,
                                std::uint64_t bytes_per_pixel = 4);
[[nodiscard]] Image8 blank(std::uint64_t width, std::uint64_t height, int channels);

/// Each decodes to 1 channel if the file is grey, otherwise 3; alpha is dropped.
[[nodiscard]] Result<Image8> decode_png(Bytes file, Warnings& warnings);
[[nodiscard]] Result<Image8> decode_jpeg(Bytes file, Warnings& warnings);
[[nodiscard]] Result<Image8> decode_webp(Bytes file, Warnings& warnings);
[[nodiscard]] Result<Image8> decode_bmp(Bytes file, Warnings& warnings);
[[nodiscard]] Result<Image8> decode_gif(Bytes file, Warnings& warnings);
[[nodiscard]] Result<Image8> decode_tiff(Bytes file, Warnings& warnings);
/// Every field of the first directory lies within the file; says what else there is.
[[nodiscard]] Status check_tiff_directory(Bytes file, Warnings& warnings);

/// Orientation 1 to 8 of an EXIF block (from its TIFF header on); 1 if there is none or it makes no
/// sense.
[[nodiscard]] int exif_orientation(Bytes tiff, Warnings& warnings);
/// The picture as it is meant to be seen.
[[nodiscard]] Image8 oriented(Image8 image, int orientation);

}  // namespace vitrine::engine::image
