#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "engine/io/image_codecs.h"

namespace vitrine::engine::image {
namespace {

constexpr std::uint16_t kOrientation = 0x0112;
constexpr std::uint16_t kSubDirectory = 0x8769;
constexpr std::uint16_t kShort = 3;
constexpr std::size_t kEntry = 12;

/// Numbers of a TIFF block in its own byte order; reading past the end gives 0.
struct Tiff {
  Bytes data;
  bool big_endian = false;

  [[nodiscard]] std::uint32_t number(std::size_t at, std::size_t bytes) const {
    if (at > data.size() || data.size() - at < bytes) return 0;
    std::uint32_t v = 0;
    for (std::size_t i = 0; i < bytes; ++i)
      v = v << 8 | data[at + (big_endian ? i : bytes - 1 - i)];
    return v;
  }
  [[nodiscard]] std::size_t entries(std::size_t directory) const {
    const std::size_t room =
        data.size() > directory + 2 ? (data.size() - directory - 2) / kEntry : 0;
    return std::min<std::size_t>(number(directory, 2), room);
  }
};

/// Whether the sub-directories lead back to one already seen. They hold nothing that is needed
/// here.
bool loops(const Tiff& tiff, std::size_t directory) {
  std::vector<std::size_t> seen;
  while (directory != 0 && directory < tiff.data.size()) {
    if (std::find(seen.begin(), seen.end(), directory) != seen.end()) return true;
    seen.push_back(directory);
    std::size_t next = 0;
    for (std::size_t i = 0; i < tiff.entries(directory); ++i) {
      const std::size_t entry = directory + 2 + i * kEntry;
      if (tiff.number(entry, 2) == kSubDirectory) next = tiff.number(entry + 8, 4);
    }
    directory = next;
  }
  return false;
}

}  // namespace

int exif_orientation(Bytes data, Warnings& warnings) {
  if (data.size() < 8) return 1;
  const bool little = data[0] == 'I' && data[1] == 'I';
  if (!little && !(data[0] == 'M' && data[1] == 'M')) {
    warnings.emplace_back("JPEG: the EXIF block has no byte order and is ignored");
    return 1;
  }
  const Tiff tiff{data, !little};
  const std::size_t directory = tiff.number(4, 4);
  if (loops(tiff, directory))
    warnings.emplace_back("JPEG: the EXIF directories form a loop, which is not followed");
  for (std::size_t i = 0; i < tiff.entries(directory); ++i) {
    const std::size_t entry = directory + 2 + i * kEntry;
    if (tiff.number(entry, 2) != kOrientation) continue;
    const std::uint32_t value = tiff.number(entry + 8, 2);
    if (tiff.number(entry + 2, 2) == kShort && value >= 1 && value <= 8)
      return static_cast<int>(value);
    warnings.push_back(
        fmt::format("JPEG: the EXIF orientation {} is not within 1 to 8 and is ignored", value));
  }
  return 1;
}

Image8 oriented(Image8 in, int orientation) {
  if (orientation <= 1 || orientation > 8) return in;
  const bool swap = orientation >= 5;
  const int width = swap ? in.height : in.width, height = swap ? in.width : in.height;
  Image8 out =
      blank(static_cast<std::uint64_t>(width), static_cast<std::uint64_t>(height), in.channels);
  const auto c = static_cast<std::size_t>(in.channels);
  const bool mirror_x =
      orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  const bool mirror_y =
      orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      int sx = swap ? y : x, sy = swap ? x : y;
      if (mirror_x) sx = in.width - 1 - sx;
      if (mirror_y) sy = in.height - 1 - sy;
      const std::size_t from = static_cast<std::size_t>(sy) * static_cast<std::size_t>(in.width) +
                               static_cast<std::size_t>(sx);
      const std::size_t to = static_cast<std::size_t>(y) * static_cast<std::size_t>(width) +
                             static_cast<std::size_t>(x);
      std::memcpy(&out.pixels[to * c], &in.pixels[from * c], c);
    }
  }
  return out;
}

}  // namespace vitrine::engine::image
