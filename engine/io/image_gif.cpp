#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "engine/io/image_codecs.h"

namespace vitrine::engine::image {
namespace {

constexpr int kMaxCodes = 4096;

tl::unexpected<Error> refuse(const std::string& what, ErrorCode code = ErrorCode::FileFormat) {
  return fail(code, "GIF: " + what);
}

/// Bytes in order; a read past the end is remembered.
struct Cursor {
  Bytes file;
  std::size_t at = 0;
  bool ended = false;

  std::uint32_t number(std::size_t bytes) {
    if (file.size() - at < bytes) {
      ended = true;
      at = file.size();
      return 0;
    }
    std::uint32_t v = 0;
    for (std::size_t i = bytes; i-- > 0;) v = v << 8 | file[at + i];
    at += bytes;
    return v;
  }
  Bytes take(std::size_t bytes) {
    const std::size_t n = std::min(bytes, file.size() - at);
    ended = ended || n < bytes;
    at += n;
    return file.subspan(at - n, n);
  }
  /// Sub-blocks up to the empty one, joined.
  std::vector<std::uint8_t> blocks() {
    std::vector<std::uint8_t> out;
    while (!ended) {
      const std::uint32_t n = number(1);
      if (n == 0) break;
      const Bytes part = take(n);
      out.insert(out.end(), part.begin(), part.end());
    }
    return out;
  }
};

/// Variable-width LZW as GIF has it. Returns how many indices came out; stops quietly at bad data.
std::size_t unpack(const std::vector<std::uint8_t>& data, int code_size,
                   std::vector<std::uint8_t>& out) {
  const int clear = 1 << code_size, stop = clear + 1;
  std::array<std::int16_t, kMaxCodes> prefix{};
  std::array<std::uint8_t, kMaxCodes> last{}, first{};
  for (int i = 0; i < clear; ++i) {
    prefix[static_cast<std::size_t>(i)] = -1;
    last[static_cast<std::size_t>(i)] = first[static_cast<std::size_t>(i)] =
        static_cast<std::uint8_t>(i);
  }
  int width = code_size + 1, next = clear + 2, previous = -1, held = 0;
  std::uint32_t bits = 0;
  std::size_t written = 0;
  std::vector<std::uint8_t> stack;
  for (std::size_t at = 0; written < out.size();) {
    while (held < width && at < data.size()) {
      bits |= std::uint32_t{data[at++]} << held;
      held += 8;
    }
    if (held < width) break;
    const int code = static_cast<int>(bits & ((1u << width) - 1));
    bits >>= width;
    held -= width;
    if (code == stop) break;
    if (code == clear) {
      width = code_size + 1;
      next = clear + 2;
      previous = -1;
      continue;
    }
    if (code > next || (code == next && previous < 0) || (code >= clear && previous < 0)) break;
    stack.clear();
    int walk = code;
    if (code == next) {
      stack.push_back(first[static_cast<std::size_t>(previous)]);
      walk = previous;
    }
    for (; walk >= 0; walk = prefix[static_cast<std::size_t>(walk)])
      stack.push_back(last[static_cast<std::size_t>(walk)]);
    for (std::size_t i = stack.size(); i-- > 0 && written < out.size();) out[written++] = stack[i];
    if (previous >= 0 && next < kMaxCodes) {
      prefix[static_cast<std::size_t>(next)] = static_cast<std::int16_t>(previous);
      last[static_cast<std::size_t>(next)] = stack.back();
      first[static_cast<std::size_t>(next)] = first[static_cast<std::size_t>(previous)];
      ++next;
      if (next == 1 << width && width < 12) ++width;
    }
    previous = code;
  }
  return written;
}

struct Frame {
  std::uint32_t left = 0, top = 0, width = 0, height = 0;
  bool interlaced = false;
  Bytes palette;
  std::vector<std::uint8_t> indices;
  int transparent = -1;
};

std::vector<std::uint32_t> row_order(std::uint32_t height, bool interlaced) {
  std::vector<std::uint32_t> out;
  out.reserve(height);
  if (!interlaced) {
    for (std::uint32_t y = 0; y < height; ++y) out.push_back(y);
    return out;
  }
  for (const auto& [start, step] :
       {std::pair{0u, 8u}, std::pair{4u, 8u}, std::pair{2u, 4u}, std::pair{1u, 2u}})
    for (std::uint32_t y = start; y < height; y += step) out.push_back(y);
  return out;
}

Result<Frame> read_frame(Cursor& in, Bytes global, std::uint64_t width, std::uint64_t height,
                         Warnings& warnings) {
  Frame f;
  f.left = in.number(2);
  f.top = in.number(2);
  f.width = in.number(2);
  f.height = in.number(2);
  const std::uint32_t flags = in.number(1);
  f.interlaced = (flags & 0x40) != 0;
  f.palette = (flags & 0x80) != 0 ? in.take(std::size_t{3} << ((flags & 7) + 1)) : global;
  const std::uint32_t code_size = in.number(1);
  if (in.ended)
    return fail_file(ErrorCode::FileFormat, {},
                     "GIF: the file ends in the header of its first frame (truncated)", in.file.size());
  if (f.palette.empty()) return refuse("the first frame has no palette");
  if (f.left + f.width > width || f.top + f.height > height)
    return refuse(fmt::format("the frame {} x {} at ({}, {}) lies outside the canvas {} x {}",
                              f.width, f.height, f.left, f.top, width, height));
  VITRINE_CHECK(check_size("GIF", f.width, f.height));
  if (code_size < 2 || code_size > 8)
    return fail_file(ErrorCode::FileFormat, {},
                     fmt::format("GIF: an LZW code size of {} is not within 2 to 8", code_size), in.at - 1);
  const std::vector<std::uint8_t> data = in.blocks();
  const std::uint64_t pixels = std::uint64_t{f.width} * f.height;
  if (pixels / kMaxCodes > data.size())
    return refuse(fmt::format("{} bytes of image data cannot hold {} pixels", data.size(), pixels));
  f.indices.resize(static_cast<std::size_t>(pixels));
  const std::size_t got = unpack(data, static_cast<int>(code_size), f.indices);
  if (got < f.indices.size())
    return fail_file(ErrorCode::FileFormat, {},
                     fmt::format("GIF: the LZW image data gives {} of {} pixels (truncated or corrupt)",
                                 got, f.indices.size()), in.at);
  if (in.ended)
    warnings.emplace_back("GIF: the file ends after its first image without a trailer (truncated)");
  return f;
}

void paint(const Frame& f, Image8& out) {
  const auto rows = row_order(f.height, f.interlaced);
  for (std::size_t r = 0; r < rows.size(); ++r) {
    for (std::size_t x = 0; x < f.width; ++x) {
      const std::size_t index = f.indices[r * f.width + x];
      const std::size_t to =
          (std::size_t{f.top} + rows[r]) * static_cast<std::size_t>(out.width) + f.left + x;
      for (std::size_t c = 0; c < 3; ++c)
        out.pixels[3 * to + c] = 3 * index + c < f.palette.size() ? f.palette[3 * index + c] : 0;
    }
  }
}

}  // namespace

Result<Image8> decode_gif(Bytes file, Warnings& warnings) {
  Cursor in{file, 6, false};
  const std::uint32_t width = in.number(2), height = in.number(2), flags = in.number(1);
  const std::size_t background = in.number(1);
  in.number(1);
  const Bytes global = (flags & 0x80) != 0 ? in.take(std::size_t{3} << ((flags & 7) + 1)) : Bytes{};
  if (in.ended) return fail_file(ErrorCode::FileFormat, {}, "GIF: the header is truncated", file.size());
  VITRINE_CHECK(check_size("GIF", width, height));
  while (true) {
    const std::uint32_t kind = in.number(1);
    if (in.ended || kind == 0x3B) 
      return fail_file(ErrorCode::FileFormat, {}, "GIF: there is no image in the file (truncated)", in.at);
    if (kind == 0x21) {
      in.number(1);
      in.blocks();
    } else if (kind == 0x2C) {
      break;
    } else {
      return fail_file(ErrorCode::FileFormat, {},
                       fmt::format("GIF: a block of the unknown kind 0x{:02X}", kind), in.at - 1);
    }
  }
  VITRINE_TRY(const Frame frame, read_frame(in, global, width, height, warnings));
  // A canvas much larger than its frame is an empty picture that only costs memory.
  if (std::uint64_t{width} * height > kMaxPixelBytes / 32 &&
      frame.indices.size() < std::size_t{width} * height / 8)
    return refuse(
        fmt::format(
            "the canvas {} x {} is far larger than its image {} x {}, which is over the limit",
            width, height, frame.width, frame.height),
        ErrorCode::FileLimit);
  Image8 out = blank(width, height, 3);
  if (3 * background + 2 < global.size() && frame.indices.size() < std::size_t{width} * height)
    for (std::size_t i = 0; i < out.pixels.size(); ++i)
      out.pixels[i] = global[3 * background + i % 3];
  paint(frame, out);
  if (const std::uint32_t kind = in.number(1);
      !in.ended && kind != 0x3B && kind != 0x21 && kind != 0x2C)
    warnings.emplace_back("GIF: data that is no GIF block follows the first image");
  return out;
}

}  // namespace vitrine::engine::image
