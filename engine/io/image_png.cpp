#include <csetjmp>
#include <cstdlib>
#include <cstring>

#include <fmt/format.h>
#include <png.h>

#include "engine/core/memory.h"
#include "engine/io/bytes.h"
#include "engine/io/image_codecs.h"

namespace vitrine::engine::image {
namespace {

constexpr std::size_t kSignature = 8;
constexpr std::size_t kMaxChunks = 1000;
constexpr std::size_t kMaxAncillary = 4 << 20;
/// Deflate cannot shrink data by more than this, so that a small file cannot claim many rows.
constexpr std::uint64_t kMaxDeflateRatio = 1032;

std::uint32_t be32(Bytes file, std::size_t at) {
  return std::uint32_t{file[at]} << 24 | std::uint32_t{file[at + 1]} << 16 |
         std::uint32_t{file[at + 2]} << 8 | file[at + 3];
}

struct Chunks {
  std::uint32_t width = 0, height = 0;
  std::uint64_t data_bytes = 0;
};

/// Walks the chunk list: every length within the file, an IHDR first and an IEND at the end.
Result<Chunks> walk(Bytes file, Warnings& warnings) {
  Chunks out;
  std::size_t at = kSignature, count = 0;
  bool ended = false, animated = false;
  while (!ended) {
    if (file.size() - at < 12)
      return fail_file(
          ErrorCode::FileFormat, {},
          fmt::format("PNG: the file ends after {} bytes, in the middle of its chunks (truncated)",
                      file.size()), at);
    const std::uint32_t length = be32(file, at);
    const std::string type(reinterpret_cast<const char*>(file.data()) + at + 4, 4);
    if (length > file.size() - at - 12)
      return fail_file(ErrorCode::FileFormat, {},
                       fmt::format("PNG: chunk '{}' says {} bytes, {} are left (truncated)", printable(type),
                                   length, file.size() - at - 12),
                       at);
    if (count == 0) {
      if (type != "IHDR" || length != 13)
        return fail(ErrorCode::FileFormat, "PNG: the first chunk is not an IHDR of 13 bytes");
      out.width = be32(file, at + 8);
      out.height = be32(file, at + 12);
    } else if (type == "IHDR") {
      return fail_file(ErrorCode::FileFormat, {}, "PNG: a second IHDR chunk", at);
    }
    if (type == "IDAT") out.data_bytes += length;
    animated = animated || type == "acTL";
    ended = type == "IEND";
    at += std::size_t{length} + 12;
    ++count;
  }
  if (animated) warnings.emplace_back("PNG: animated, only the first frame is shown (acTL)");
  if (count > kMaxChunks)
    warnings.push_back(
        fmt::format("PNG: {} chunks, which is over the usual limit of {}", count, kMaxChunks));
  return out;
}

/// What libpng calls back into. Only plain data lives across its jumps; strings are filled by the
/// callbacks.
struct Reader {
  Bytes file;
  std::size_t at = 0;
  std::string problem;
  Warnings* warnings = nullptr;
  png_structp png = nullptr;
  png_infop info = nullptr;
  bool no_memory = false;

  ~Reader() { png_destroy_read_struct(&png, &info, nullptr); }
};

void on_error(png_structp png, png_const_charp message) {
  static_cast<Reader*>(png_get_error_ptr(png))->problem = message;
  png_longjmp(png, 1);
}
void on_warning(png_structp png, png_const_charp message) {
  Warnings& warnings = *static_cast<Reader*>(png_get_error_ptr(png))->warnings;
  if (warnings.size() < 16) warnings.push_back(fmt::format("PNG: {}", message));
}
void* on_malloc(png_structp png, png_alloc_size_t bytes) {
  void* const block = std::malloc(bytes);
  if (block == nullptr) static_cast<Reader*>(png_get_mem_ptr(png))->no_memory = true;
  return block;
}
void on_free(png_structp, png_voidp block) { std::free(block); }
void on_read(png_structp png, png_bytep out, png_size_t n) {
  auto* reader = static_cast<Reader*>(png_get_io_ptr(png));
  if (n > reader->file.size() - reader->at) png_error(png, "the file ends too early (truncated)");
  std::memcpy(out, reader->file.data() + reader->at, n);
  reader->at += n;
}

/// Reads the header and asks for 8-bit indices, grey or RGB without alpha. No object with a
/// destructor may live here.
bool read_header(Reader* reader) {
  if (setjmp(png_jmpbuf(reader->png)) != 0) return false;
  png_structp png = reader->png;
  png_set_read_fn(png, reader, on_read);
  png_set_user_limits(png, static_cast<png_uint_32>(kMaxSide), static_cast<png_uint_32>(kMaxSide));
  png_set_chunk_malloc_max(png, kMaxAncillary);
  png_set_chunk_cache_max(png, kMaxChunks);
  png_read_info(png, reader->info);
  if (png_get_color_type(png, reader->info) == PNG_COLOR_TYPE_PALETTE) {
    png_set_packing(png);
  } else {
    png_set_expand(png);
  }
  png_set_scale_16(png);
  png_set_strip_alpha(png);
  png_set_interlace_handling(png);
  png_read_update_info(png, reader->info);
  return true;
}

bool read_pixels(Reader* reader, png_bytepp rows) {
  if (setjmp(png_jmpbuf(reader->png)) != 0) return false;
  png_read_image(reader->png, rows);
  png_read_end(reader->png, nullptr);
  return true;
}

/// Indices to colours; what lies past the palette is black.
Result<Image8> coloured(const Image8& indices, Reader& reader, Warnings& warnings) {
  png_colorp palette = nullptr;
  int count = 0;
  if (png_get_PLTE(reader.png, reader.info, &palette, &count) == 0 || count < 1)
    return fail(ErrorCode::FileFormat, "PNG: a palette image without a palette");
  Image8 out = blank(static_cast<std::uint64_t>(indices.width),
                     static_cast<std::uint64_t>(indices.height), 3);
  std::size_t outside = 0;
  for (std::size_t i = 0; i < indices.pixels.size(); ++i) {
    if (indices.pixels[i] >= count) {
      ++outside;
      continue;
    }
    const png_color& c = palette[indices.pixels[i]];
    out.pixels[3 * i] = c.red;
    out.pixels[3 * i + 1] = c.green;
    out.pixels[3 * i + 2] = c.blue;
  }
  if (outside > 0)
    warnings.push_back(
        fmt::format("PNG: {} pixels have an index past the palette of {}", outside, count));
  return out;
}

tl::unexpected<Error> refuse(const Reader& reader) {
  if (reader.no_memory) return fail(out_of_memory({}));
  return fail_file(ErrorCode::FileFormat, {}, "PNG: " + reader.problem, reader.at);
}

}  // namespace

Result<Image8> decode_png(Bytes file, Warnings& warnings) {
  VITRINE_TRY(const Chunks chunks, walk(file, warnings));
  VITRINE_CHECK(check_size("PNG", chunks.width, chunks.height));
  Reader reader;
  reader.file = file;
  reader.warnings = &warnings;
  reader.png = png_create_read_struct_2(PNG_LIBPNG_VER_STRING, &reader, on_error, on_warning, &reader,
                                         on_malloc, on_free);
  if (reader.png != nullptr) reader.info = png_create_info_struct(reader.png);
  if (reader.info == nullptr) return refuse(reader);
  if (!read_header(&reader)) return refuse(reader);
  const std::size_t row_bytes = png_get_rowbytes(reader.png, reader.info);
  const int channels = png_get_channels(reader.png, reader.info);
  const std::uint64_t packed = (std::uint64_t{chunks.width} + 7) / 8 * chunks.height;
  if (packed / kMaxDeflateRatio > chunks.data_bytes)
    return fail(ErrorCode::FileFormat,
                fmt::format("PNG: {} bytes of image data cannot hold {} x {} pixels (truncated)",
                            chunks.data_bytes, chunks.width, chunks.height));
  if ((channels != 1 && channels != 3) ||
      row_bytes != std::size_t{chunks.width} * static_cast<std::size_t>(channels))
    return fail(ErrorCode::Unsupported,
                fmt::format("PNG: {} channels are not supported", channels));
  Image8 out = blank(chunks.width, chunks.height, channels);
  std::vector<png_bytep> rows(chunks.height);
  for (std::size_t y = 0; y < rows.size(); ++y) rows[y] = out.pixels.data() + y * row_bytes;
  if (!read_pixels(&reader, rows.data()) || reader.no_memory) return refuse(reader);
  if (png_get_color_type(reader.png, reader.info) == PNG_COLOR_TYPE_PALETTE)
    return coloured(out, reader, warnings);
  return out;
}

}  // namespace vitrine::engine::image
