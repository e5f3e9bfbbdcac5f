#include <algorithm>
#include <csetjmp>
#include <cstddef>
#include <cstdio>
#include <cstring>

#include <fmt/format.h>
#include <jerror.h>
#include <jpeglib.h>

#include "engine/core/memory.h"
#include "engine/io/image_codecs.h"

namespace vitrine::engine::image {
namespace {

constexpr int kMaxScans = 200;
constexpr int kExifMarker = JPEG_APP0 + 1;
constexpr long kMaxCodecMemory = 256L << 20;

/// libjpeg's error manager and progress monitor with what we keep beside them.
struct Reader {
  jpeg_decompress_struct codec{};
  jpeg_error_mgr errors{};
  jpeg_progress_mgr progress{};
  std::jmp_buf jump;
  char problem[JMSG_LENGTH_MAX] = {};
  char warning[JMSG_LENGTH_MAX] = {};
  bool ended_early = false;
  bool created = false;
  bool no_memory = false;

  ~Reader() {
    if (created) jpeg_destroy_decompress(&codec);
  }
};

Reader* reader_of(j_common_ptr codec) { return static_cast<Reader*>(codec->client_data); }

void on_error(j_common_ptr codec) {
  Reader* reader = reader_of(codec);
  (*codec->err->format_message)(codec, reader->problem);
  reader->no_memory = codec->err->msg_code == JERR_OUT_OF_MEMORY;
  std::longjmp(reader->jump, 1);
}

void on_message(j_common_ptr codec, int level) {
  if (level >= 0) return;
  Reader* reader = reader_of(codec);
  ++codec->err->num_warnings;
  if (reader->warning[0] == '\0') (*codec->err->format_message)(codec, reader->warning);
  if (codec->err->msg_code == JWRN_JPEG_EOF) reader->ended_early = true;
}

void on_progress(j_common_ptr codec) {
  Reader* reader = reader_of(codec);
  if (reinterpret_cast<j_decompress_ptr>(codec)->input_scan_number <= kMaxScans) return;
  std::snprintf(reader->problem, sizeof reader->problem,
                "more than %d progressive scans, which is the limit", kMaxScans);
  std::longjmp(reader->jump, 1);
}

/// No object with a destructor may live in the functions that libjpeg jumps back into.
bool read_header(Reader* reader, const unsigned char* data, unsigned long size) {
  if (setjmp(reader->jump) != 0) return false;
  jpeg_decompress_struct* codec = &reader->codec;
  codec->err = jpeg_std_error(&reader->errors);
  reader->errors.error_exit = on_error;
  reader->errors.emit_message = on_message;
  codec->client_data = reader;
  reader->created = true;  // whatever it has got when its own creation fails is given back as well
  jpeg_create_decompress(codec);
  codec->client_data = reader;
  reader->progress.progress_monitor = on_progress;
  codec->progress = &reader->progress;
  codec->mem->max_memory_to_use = kMaxCodecMemory;
  jpeg_mem_src(codec, data, size);
  jpeg_save_markers(codec, kExifMarker, 0xFFFF);
  jpeg_read_header(codec, TRUE);
  switch (codec->jpeg_color_space) {
    case JCS_GRAYSCALE:
      codec->out_color_space = JCS_GRAYSCALE;
      break;
    case JCS_CMYK:
    case JCS_YCCK:
      codec->out_color_space = JCS_CMYK;
      break;
    default:
      codec->out_color_space = JCS_RGB;
      break;
  }
  return true;
}

bool read_pixels(Reader* reader, unsigned char* out, std::size_t stride) {
  if (setjmp(reader->jump) != 0) return false;
  jpeg_decompress_struct* codec = &reader->codec;
  jpeg_start_decompress(codec);
  while (codec->output_scanline < codec->output_height) {
    JSAMPROW row = out + std::size_t{codec->output_scanline} * stride;
    jpeg_read_scanlines(codec, &row, 1);
  }
  jpeg_finish_decompress(codec);
  return true;
}

int orientation_of(const Reader& reader, Warnings& warnings) {
  for (auto* m = reader.codec.marker_list; m != nullptr; m = m->next) {
    if (m->marker != kExifMarker || m->data_length < 14 || std::memcmp(m->data, "Exif\0\0", 6) != 0)
      continue;
    return exif_orientation({m->data + 6, m->data_length - 6}, warnings);
  }
  return 1;
}

/// Ink to light: R = (255 - C) (255 - K) / 255. Adobe files store 255 - C.
Image8 from_cmyk(const Image8& in, bool inverted) {
  Image8 out =
      blank(static_cast<std::uint64_t>(in.width), static_cast<std::uint64_t>(in.height), 3);
  const std::size_t n = out.pixels.size() / 3;
  const auto light = [inverted](std::uint8_t v) {
    return static_cast<unsigned>(inverted ? v : 255 - v);
  };
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t c = 0; c < 3; ++c)
      out.pixels[3 * i + c] = static_cast<std::uint8_t>(
          (light(in.pixels[4 * i + c]) * light(in.pixels[4 * i + 3]) + 127) / 255);
  return out;
}

tl::unexpected<Error> refuse(const std::string& what) {
  return fail(ErrorCode::FileFormat, "JPEG: " + what);
}

/// What libjpeg says, with the byte that it had come to.
tl::unexpected<Error> refuse(const Reader& reader, Bytes file) {
  if (reader.no_memory) return fail(out_of_memory({}));
  const std::size_t left = reader.codec.src != nullptr ? reader.codec.src->bytes_in_buffer : file.size();
  return fail_file(ErrorCode::FileFormat, {}, fmt::format("JPEG: {}", reader.problem),
                   file.size() - std::min(left, file.size()));
}

}  // namespace

Result<Image8> decode_jpeg(Bytes file, Warnings& warnings) {
  Reader reader;
  if (!read_header(&reader, file.data(), static_cast<unsigned long>(file.size())))
    return refuse(reader, file);
  const jpeg_decompress_struct& codec = reader.codec;
  // A progressive picture keeps 16-bit coefficients of every component, and a turned one is copied.
  const int orientation = orientation_of(reader, warnings);
  const auto components = static_cast<std::uint64_t>(codec.num_components);
  VITRINE_CHECK(check_size("JPEG", codec.image_width, codec.image_height,
                           4 + (jpeg_has_multiple_scans(&reader.codec) != 0 ? 2 * components : 0) +
                               (orientation > 1 || components == 4 ? 3 : 0)));
  // Even an empty block takes about two bits of a scan, and a block is 64 pixels of one component.
  if (std::uint64_t{codec.image_width} * codec.image_height / 64 / 64 > file.size())
    return refuse(fmt::format("{} bytes cannot hold the size {} x {} (truncated)", file.size(),
                              codec.image_width, codec.image_height));
  const int channels = codec.out_color_space == JCS_GRAYSCALE ? 1
                       : codec.out_color_space == JCS_CMYK    ? 4
                                                              : 3;
  Image8 out = blank(codec.image_width, codec.image_height, channels);
  if (codec.arith_code == 0 && codec.dc_huff_tbl_ptrs[0] == nullptr &&
      codec.dc_huff_tbl_ptrs[1] == nullptr)
    warnings.emplace_back(
        "JPEG: no Huffman tables before the image data; the standard ones are used");
  if (!read_pixels(&reader, out.pixels.data(),
                   std::size_t{codec.image_width} * static_cast<std::size_t>(channels)))
    return refuse(reader, file);
  if (reader.ended_early) return refuse(fmt::format("the image is incomplete: {}", reader.warning));
  if (reader.warning[0] != '\0') warnings.push_back(fmt::format("JPEG: {}", reader.warning));
  if (channels == 4) out = from_cmyk(out, codec.saw_Adobe_marker != 0);
  return oriented(std::move(out), orientation);
}

}  // namespace vitrine::engine::image
