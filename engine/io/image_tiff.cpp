#include <algorithm>
#include <array>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <memory>

#include <fmt/format.h>
#include <tiffio.h>

#include "engine/io/image_codecs.h"

namespace vitrine::engine::image {
namespace {

constexpr tmsize_t kMaxAllocation = 64 << 20;
constexpr std::size_t kMaxSamples = 8;

/// The file as libtiff reads it, and what it says.
struct Source {
  Bytes file;
  toff_t at = 0;
  std::string problem;
  Warnings* warnings = nullptr;
};

tmsize_t on_read(thandle_t handle, void* out, tmsize_t bytes) {
  auto* source = static_cast<Source*>(handle);
  const std::uint64_t left = source->at < source->file.size() ? source->file.size() - source->at : 0;
  const std::uint64_t n = bytes < 0 ? 0 : std::min<std::uint64_t>(left, static_cast<std::uint64_t>(bytes));
  if (n > 0) std::memcpy(out, source->file.data() + source->at, n);
  source->at += n;
  return static_cast<tmsize_t>(n);
}
tmsize_t on_write(thandle_t, void*, tmsize_t) { return -1; }
toff_t on_seek(thandle_t handle, toff_t to, int whence) {
  auto* source = static_cast<Source*>(handle);
  if (whence == SEEK_CUR) to += source->at;
  if (whence == SEEK_END) to += source->file.size();
  return source->at = to;
}
int on_close(thandle_t) { return 0; }
toff_t on_size(thandle_t handle) { return static_cast<Source*>(handle)->file.size(); }

std::string formatted(const char* format, va_list arguments) {
  char text[256];
  std::vsnprintf(text, sizeof text, format, arguments);
  return text;
}
int on_error(TIFF*, void* user, const char*, const char* format, va_list arguments) {
  auto* source = static_cast<Source*>(user);
  if (source->problem.empty()) source->problem = formatted(format, arguments);
  return 1;
}
int on_warning(TIFF*, void* user, const char*, const char* format, va_list arguments) {
  auto* source = static_cast<Source*>(user);
  if (source->warnings->size() < 16) source->warnings->push_back("TIFF: " + formatted(format, arguments));
  return 1;
}

using Handle = std::unique_ptr<TIFF, decltype(&TIFFClose)>;

Handle open(Source& source) {
  const std::unique_ptr<TIFFOpenOptions, decltype(&TIFFOpenOptionsFree)> options(TIFFOpenOptionsAlloc(), TIFFOpenOptionsFree);
  if (!options) return {nullptr, TIFFClose};
  TIFFOpenOptionsSetMaxSingleMemAlloc(options.get(), kMaxAllocation);
  TIFFOpenOptionsSetErrorHandlerExtR(options.get(), on_error, &source);
  TIFFOpenOptionsSetWarningHandlerExtR(options.get(), on_warning, &source);
  return {TIFFClientOpenExt("image", "rm", &source, on_read, on_write, on_seek, on_close, on_size, nullptr, nullptr, options.get()),
          TIFFClose};
}

/// libtiff says only in words that it has no memory, or may not have so much.
bool about_memory(const std::string& problem) {
  return problem.find("emory") != std::string::npos || problem.find("No space for") != std::string::npos;
}

tl::unexpected<Error> refuse(const std::string& what, ErrorCode code = ErrorCode::FileFormat) {
  if (about_memory(what)) return fail(ErrorCode::FileLimit, "TIFF: not enough memory: " + what);
  return fail(code, "TIFF: " + what);
}

struct Layout {
  std::uint32_t width = 0, height = 0;
  std::uint16_t bits = 1, samples = 1, photometric = PHOTOMETRIC_MINISBLACK, planar = PLANARCONFIG_CONTIG;
  std::uint16_t orientation = ORIENTATION_TOPLEFT;
  bool alpha_multiplied = false;
  std::array<std::uint16_t*, 3> colours{};  ///< 2^bits entries each, for palettes

  /// Samples that make the colour.
  [[nodiscard]] std::uint16_t needed() const {
    switch (photometric) {
      case PHOTOMETRIC_RGB: case PHOTOMETRIC_YCBCR: return 3;
      case PHOTOMETRIC_SEPARATED: return 4;
      default: return 1;
    }
  }
  /// Samples that lie beside each other in what libtiff hands over.
  [[nodiscard]] std::size_t together() const { return planar == PLANARCONFIG_CONTIG ? samples : 1; }
};

bool compression_is_read(std::uint16_t scheme) {
  constexpr std::array<std::uint16_t, 9> kRead = {
      COMPRESSION_NONE, COMPRESSION_CCITTRLE, COMPRESSION_CCITTFAX3, COMPRESSION_CCITTFAX4, COMPRESSION_LZW,
      COMPRESSION_JPEG, COMPRESSION_ADOBE_DEFLATE, COMPRESSION_DEFLATE, COMPRESSION_PACKBITS};
  return std::find(kRead.begin(), kRead.end(), scheme) != kRead.end() && TIFFIsCODECConfigured(scheme) != 0;
}

Status check_kind(const Layout& l, std::uint16_t compression, std::uint16_t format) {
  if (!compression_is_read(compression))
    return refuse(fmt::format("compression {} is not supported", compression), ErrorCode::Unsupported);
  if (l.bits != 1 && l.bits != 2 && l.bits != 4 && l.bits != 8 && l.bits != 16)
    return refuse(fmt::format("{} bits a sample are not supported", l.bits), ErrorCode::Unsupported);
  if (format != SAMPLEFORMAT_UINT && format != SAMPLEFORMAT_VOID)
    return refuse(fmt::format("samples of the format {} are not supported, only unsigned integers", format), ErrorCode::Unsupported);
  const bool known = l.photometric <= PHOTOMETRIC_PALETTE || l.photometric == PHOTOMETRIC_SEPARATED ||
                     (l.photometric == PHOTOMETRIC_YCBCR && compression == COMPRESSION_JPEG);
  if (!known) return refuse(fmt::format("the colour model {} is not supported", l.photometric), ErrorCode::Unsupported);
  if (l.samples < l.needed() || l.samples > kMaxSamples)
    return refuse(fmt::format("{} samples a pixel, the colour model {} takes {} to {}", l.samples, l.photometric, l.needed(), kMaxSamples));
  if (l.photometric == PHOTOMETRIC_PALETTE && (l.bits > 8 || l.colours[0] == nullptr))
    return refuse("a palette picture without a palette");
  if (l.photometric == PHOTOMETRIC_YCBCR && l.bits != 8) return refuse("YCbCr pictures have 8 bits a sample");
  return {};
}

Result<Layout> read_layout(TIFF* tiff) {
  Layout l;
  TIFFGetField(tiff, TIFFTAG_IMAGEWIDTH, &l.width);
  TIFFGetField(tiff, TIFFTAG_IMAGELENGTH, &l.height);
  std::uint16_t compression = COMPRESSION_NONE, format = SAMPLEFORMAT_UINT, extra = 0;
  std::uint16_t* extras = nullptr;
  TIFFGetFieldDefaulted(tiff, TIFFTAG_BITSPERSAMPLE, &l.bits);
  TIFFGetFieldDefaulted(tiff, TIFFTAG_SAMPLESPERPIXEL, &l.samples);
  TIFFGetFieldDefaulted(tiff, TIFFTAG_PLANARCONFIG, &l.planar);
  TIFFGetFieldDefaulted(tiff, TIFFTAG_ORIENTATION, &l.orientation);
  TIFFGetFieldDefaulted(tiff, TIFFTAG_COMPRESSION, &compression);
  TIFFGetFieldDefaulted(tiff, TIFFTAG_SAMPLEFORMAT, &format);
  if (TIFFGetField(tiff, TIFFTAG_PHOTOMETRIC, &l.photometric) == 0)
    l.photometric = l.samples >= 3 ? PHOTOMETRIC_RGB : PHOTOMETRIC_MINISBLACK;
  if (TIFFGetFieldDefaulted(tiff, TIFFTAG_EXTRASAMPLES, &extra, &extras) != 0 && extra > 0 && extras != nullptr)
    l.alpha_multiplied = extras[0] == EXTRASAMPLE_ASSOCALPHA && l.photometric == PHOTOMETRIC_RGB;
  if (l.photometric == PHOTOMETRIC_PALETTE) TIFFGetField(tiff, TIFFTAG_COLORMAP, &l.colours[0], &l.colours[1], &l.colours[2]);
  VITRINE_CHECK(check_size("TIFF", l.width, l.height, 7));
  VITRINE_CHECK(check_kind(l, compression, format));
  if (compression == COMPRESSION_JPEG && l.photometric == PHOTOMETRIC_YCBCR)
    TIFFSetField(tiff, TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
  return l;
}

/// Sample `i` of a packed row. libtiff gives 16-bit samples in the machine's order.
std::uint32_t sample_at(const std::uint8_t* row, std::size_t i, std::uint16_t bits) {
  if (bits == 8) return row[i];
  if (bits == 16) {
    std::uint16_t v = 0;
    std::memcpy(&v, row + 2 * i, 2);
    return v;
  }
  const std::size_t bit = i * bits;
  return std::uint32_t{row[bit / 8]} >> (8 - bits - bit % 8) & ((1u << bits) - 1);
}

/// Puts the samples of a packed row, scaled to 8 bits, into planes of a wide picture; palette indices stay as they are.
void take_row(const Layout& l, const std::uint8_t* row, std::size_t pixels, std::size_t first_sample, std::uint8_t* out,
              std::size_t kept) {
  const std::uint32_t most = (1u << l.bits) - 1;
  const std::size_t together = l.together();
  for (std::size_t s = 0; s < together && first_sample + s < kept; ++s)
    for (std::size_t x = 0; x < pixels; ++x) {
      const std::uint32_t v = sample_at(row, x * together + s, l.bits);
      out[x * kept + first_sample + s] =
          static_cast<std::uint8_t>(l.photometric == PHOTOMETRIC_PALETTE ? v : (v * 255 + most / 2) / most);
    }
}

/// Each plane, or all at once where the samples lie together.
std::size_t planes_of(const Layout& l, std::size_t kept) { return l.planar == PLANARCONFIG_CONTIG ? 1 : kept; }

Status read_strips(TIFF* tiff, const Layout& l, const Source& source, std::size_t kept, std::uint8_t* out) {
  const tmsize_t bytes = TIFFScanlineSize(tiff);
  const std::uint64_t needed = (std::uint64_t{l.width} * l.together() * l.bits + 7) / 8;
  if (bytes <= 0 || bytes > kMaxAllocation || static_cast<std::uint64_t>(bytes) < needed)
    return refuse(fmt::format("a row of {} bytes does not hold {} pixels", bytes, l.width));
  std::vector<std::uint8_t> row(static_cast<std::size_t>(bytes));
  for (std::size_t plane = 0; plane < planes_of(l, kept); ++plane)
    for (std::uint32_t y = 0; y < l.height; ++y) {
      if (TIFFReadScanline(tiff, row.data(), y, static_cast<std::uint16_t>(plane)) < 0)
        return refuse(fmt::format("row {} of the image data cannot be read: {}", y, source.problem));
      take_row(l, row.data(), l.width, plane, out + std::size_t{y} * l.width * kept, kept);
    }
  return {};
}

Status read_tiles(TIFF* tiff, const Layout& l, const Source& source, std::size_t kept, std::uint8_t* out) {
  std::uint32_t across = 0, down = 0;
  TIFFGetField(tiff, TIFFTAG_TILEWIDTH, &across);
  TIFFGetField(tiff, TIFFTAG_TILELENGTH, &down);
  const tmsize_t bytes = TIFFTileSize(tiff), stride = TIFFTileRowSize(tiff);
  const std::uint64_t needed = (std::uint64_t{across} * l.together() * l.bits + 7) / 8;
  if (across == 0 || down == 0 || bytes <= 0 || bytes > kMaxAllocation || static_cast<std::uint64_t>(stride) < needed ||
      static_cast<std::uint64_t>(bytes) / static_cast<std::uint64_t>(stride) < down)
    return refuse(fmt::format("the tile size {} x {} of {} bytes makes no sense or is over the limit", across, down, bytes));
  std::vector<std::uint8_t> tile(static_cast<std::size_t>(bytes));
  for (std::size_t plane = 0; plane < planes_of(l, kept); ++plane)
    for (std::uint64_t top = 0; top < l.height; top += down)
      for (std::uint64_t left = 0; left < l.width; left += across) {
        if (TIFFReadTile(tiff, tile.data(), static_cast<std::uint32_t>(left), static_cast<std::uint32_t>(top), 0,
                         static_cast<std::uint16_t>(plane)) < 0)
          return refuse(fmt::format("the tile at ({}, {}) cannot be read: {}", left, top, source.problem));
        const std::uint64_t rows = std::min<std::uint64_t>(down, l.height - top), columns = std::min<std::uint64_t>(across, l.width - left);
        for (std::uint64_t y = 0; y < rows; ++y)
          take_row(l, tile.data() + y * static_cast<std::uint64_t>(stride), columns, plane,
                   out + ((top + y) * l.width + left) * kept, kept);
      }
  return {};
}

/// What the samples of one pixel look like as RGB.
void colour_of(const Layout& l, const std::uint8_t* in, std::uint8_t* out) {
  if (l.photometric == PHOTOMETRIC_PALETTE) {
    for (std::size_t c = 0; c < 3; ++c) out[c] = static_cast<std::uint8_t>(l.colours[c][in[0]] / 256);
  } else if (l.photometric == PHOTOMETRIC_SEPARATED) {
    for (std::size_t c = 0; c < 3; ++c) out[c] = static_cast<std::uint8_t>(((255u - in[c]) * (255u - in[3]) + 127) / 255);
  } else if (l.alpha_multiplied) {
    for (std::size_t c = 0; c < 3; ++c)
      out[c] = in[3] == 0 ? in[c] : static_cast<std::uint8_t>(std::min(255u, in[c] * 255u / in[3]));
  } else {
    std::memcpy(out, in, 3);
  }
}

Image8 coloured(const Layout& l, const std::vector<std::uint8_t>& samples, std::size_t kept) {
  const bool grey = l.photometric == PHOTOMETRIC_MINISBLACK || l.photometric == PHOTOMETRIC_MINISWHITE;
  Image8 out = blank(l.width, l.height, grey ? 1 : 3);
  const std::size_t n = std::size_t{l.width} * l.height;
  for (std::size_t i = 0; i < n; ++i) {
    if (grey) out.pixels[i] = l.photometric == PHOTOMETRIC_MINISWHITE ? static_cast<std::uint8_t>(255 - samples[i]) : samples[i];
    else colour_of(l, &samples[i * kept], &out.pixels[3 * i]);
  }
  return out;
}

}  // namespace

Result<Image8> decode_tiff(Bytes file, Warnings& warnings) {
  VITRINE_CHECK(check_tiff_directory(file, warnings));
  Source source{file, 0, {}, &warnings};
  const Handle tiff = open(source);
  if (!tiff) return refuse(source.problem.empty() ? "the image directory cannot be read" : source.problem);
  VITRINE_TRY(const Layout layout, read_layout(tiff.get()));
  const std::size_t kept = layout.alpha_multiplied ? std::min<std::size_t>(4, layout.samples) : layout.needed();
  std::vector<std::uint8_t> samples(std::size_t{layout.width} * layout.height * kept);
  VITRINE_CHECK(TIFFIsTiled(tiff.get()) != 0 ? read_tiles(tiff.get(), layout, source, kept, samples.data())
                                             : read_strips(tiff.get(), layout, source, kept, samples.data()));
  if (!source.problem.empty()) warnings.push_back("TIFF: " + source.problem);
  return oriented(coloured(layout, samples, kept), layout.orientation);
}

}  // namespace vitrine::engine::image
