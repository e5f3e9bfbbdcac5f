#include <array>
#include <bit>
#include <optional>

#include <fmt/format.h>

#include "engine/io/image_codecs.h"

namespace vitrine::engine::image {
namespace {

constexpr std::size_t kFileHeader = 14;
constexpr std::uint32_t kRgb = 0, kBitFields = 3, kAlphaBitFields = 6;

std::uint32_t le(Bytes file, std::size_t at, std::size_t bytes) {
  std::uint32_t v = 0;
  for (std::size_t i = bytes; i-- > 0;) v = v << 8 | file[at + i];
  return v;
}

struct Header {
  std::uint32_t size = 0, data = 0, bits = 0, compression = 0, colours = 0;
  std::uint64_t width = 0, height = 0;
  bool top_down = false, old = false;
};

tl::unexpected<Error> refuse(const std::string& what, ErrorCode code = ErrorCode::FileFormat,
                             std::optional<std::uint64_t> at = {}) {
  return fail_file(code, {}, "BMP: " + what, at);
}

Result<Header> read_header(Bytes file, Warnings& warnings) {
  if (file.size() < kFileHeader + 12) return refuse("the header is truncated", ErrorCode::FileFormat, file.size());
  Header h;
  h.data = le(file, 10, 4);
  h.size = le(file, 14, 4);
  h.old = h.size == 12;
  const bool known = h.old || h.size == 40 || h.size == 52 || h.size == 56 || h.size == 64 ||
                     h.size == 108 || h.size == 124;
  if (!known) return refuse(fmt::format("a header size of {} bytes is not known", h.size), ErrorCode::FileFormat, 14);
  if (file.size() < kFileHeader + h.size) return refuse("the header is truncated", ErrorCode::FileFormat, file.size());
  const std::size_t planes_at = h.old ? 22 : 26;
  if (h.old) {
    h.width = le(file, 18, 2);
    h.height = le(file, 20, 2);
    h.bits = le(file, 24, 2);
  } else {
    const auto width = static_cast<std::int32_t>(le(file, 18, 4)),
               height = static_cast<std::int32_t>(le(file, 22, 4));
    if (width <= 0 || height == 0 || height == INT32_MIN)
      return refuse(fmt::format("the size {} x {} makes no sense", width, height), ErrorCode::FileFormat, 18);
    h.width = static_cast<std::uint64_t>(width);
    h.height = static_cast<std::uint64_t>(height < 0 ? -static_cast<std::int64_t>(height) : height);
    h.top_down = height < 0;
    h.bits = le(file, 28, 2);
    h.compression = le(file, 30, 4);
    h.colours = le(file, 46, 4);
  }
  if (le(file, planes_at, 2) != 1)
    warnings.push_back(
        fmt::format("BMP: the header says {} planes, 1 was expected", le(file, planes_at, 2)));
  VITRINE_CHECK(check_size("BMP", h.width, h.height));
  return h;
}

struct Palette {
  std::array<std::uint8_t, 256 * 3> rgb{};
  bool grey = true;
};

Result<Palette> read_palette(Bytes file, const Header& h) {
  Palette out;
  const std::uint32_t most = 1u << h.bits;
  const std::uint32_t count = h.colours == 0 ? most : h.colours;
  if (count > 256) return refuse(fmt::format("{} palette colours, at most 256 can be", count), ErrorCode::FileFormat, 46);
  const std::size_t entry = h.old ? 3 : 4, at = kFileHeader + h.size;
  if (file.size() - at < count * entry) return refuse("the palette is truncated");
  for (std::size_t i = 0; i < count; ++i)
    for (std::size_t c = 0; c < 3; ++c) out.rgb[3 * i + c] = file[at + i * entry + 2 - c];
  for (std::size_t i = 0; i < count; ++i)
    out.grey =
        out.grey && out.rgb[3 * i] == out.rgb[3 * i + 1] && out.rgb[3 * i] == out.rgb[3 * i + 2];
  return out;
}

/// Where a colour lies in a pixel, scaled to 8 bits.
struct Mask {
  std::uint32_t mask = 0;
  [[nodiscard]] std::uint8_t of(std::uint32_t pixel) const {
    if (mask == 0) return 0;
    const int shift = std::countr_zero(mask);
    const std::uint64_t most = mask >> shift;
    return static_cast<std::uint8_t>(((pixel & mask) >> shift) * std::uint64_t{255} / most);
  }
};

Result<std::array<Mask, 3>> masks_of(Bytes file, const Header& h) {
  if (h.compression == kRgb) {
    if (h.bits == 16) return std::array<Mask, 3>{{{0x7C00}, {0x03E0}, {0x001F}}};
    return std::array<Mask, 3>{{{0xFF0000}, {0xFF00}, {0xFF}}};
  }
  if (file.size() < kFileHeader + 40 + 12) return refuse("the colour masks are truncated");
  std::array<Mask, 3> out;
  for (std::size_t c = 0; c < 3; ++c) out[c].mask = le(file, kFileHeader + 40 + 4 * c, 4);
  return out;
}

void read_row(Bytes row, const Header& h, const Palette& palette, const std::array<Mask, 3>& masks,
              std::uint8_t* out) {
  const std::size_t channels = h.bits <= 8 && palette.grey ? 1 : 3;
  for (std::size_t x = 0; x < h.width; ++x) {
    if (h.bits <= 8) {
      const std::size_t bit = x * h.bits;
      const std::uint32_t index = row[bit / 8] >> (8 - h.bits - bit % 8) & ((1u << h.bits) - 1);
      for (std::size_t c = 0; c < channels; ++c) out[x * channels + c] = palette.rgb[3 * index + c];
    } else {
      const std::uint32_t pixel = le(row, x * h.bits / 8, h.bits / 8);
      for (std::size_t c = 0; c < 3; ++c) out[3 * x + c] = masks[c].of(pixel);
    }
  }
}

}  // namespace

Result<Image8> decode_bmp(Bytes file, Warnings& warnings) {
  VITRINE_TRY(const Header h, read_header(file, warnings));
  const bool fields = h.compression == kBitFields || h.compression == kAlphaBitFields;
  if (h.compression != kRgb && !(fields && (h.bits == 16 || h.bits == 32)))
    return refuse(
        fmt::format("compression {} with {} bits is not supported", h.compression, h.bits),
        ErrorCode::Unsupported, 30);
  if (h.bits != 1 && h.bits != 4 && h.bits != 8 && h.bits != 16 && h.bits != 24 && h.bits != 32)
    return refuse(fmt::format("{} bits a pixel are not supported", h.bits), ErrorCode::FileFormat, h.old ? 24 : 28);
  const std::uint64_t stride = (h.width * h.bits + 31) / 32 * 4;
  const std::uint64_t room = file.size() > h.data ? file.size() - h.data : 0;
  if (h.data < kFileHeader + h.size || room < stride * h.height)
    return refuse(
        fmt::format("the data offset {} leaves {} bytes, {} x {} pixels need {} (truncated)",
                    h.data, room, h.width, h.height, stride * h.height), ErrorCode::FileFormat, 10);
  Palette palette;
  if (h.bits <= 8) {
    VITRINE_TRY(palette, read_palette(file, h));
  }
  VITRINE_TRY(const auto masks, masks_of(file, h));
  Image8 out = blank(h.width, h.height, h.bits <= 8 && palette.grey ? 1 : 3);
  const std::size_t out_stride =
      static_cast<std::size_t>(out.width) * static_cast<std::size_t>(out.channels);
  for (std::uint64_t y = 0; y < h.height; ++y) {
    const std::uint64_t to = h.top_down ? y : h.height - 1 - y;
    read_row(file.subspan(h.data + y * stride, stride), h, palette, masks,
             out.pixels.data() + to * out_stride);
  }
  return out;
}

}  // namespace vitrine::engine::image
