#include <algorithm>
#include <cmath>
#include <cstring>

#include <fmt/format.h>

#include "engine/io/image_codecs.h"

namespace vitrine::engine {
namespace {

constexpr int kMaxSide = 16384;

struct Size {
  int width, height;
};

int clamped(double side) { return static_cast<int>(std::clamp(side, 0.0, 1e9)); }

/// The size after the resize; shorter or longer side given, the other follows (Python's int() or
/// round()).
Size resized(const Image8& in, const ImagePreprocess& how) {
  const std::int64_t w = in.width, h = in.height;
  if (how.shortest_edge > 0) {
    const std::int64_t s = how.shortest_edge;
    if (w <= h) return {static_cast<int>(s), clamped(static_cast<double>(s * h / w))};
    return {clamped(static_cast<double>(s * w / h)), static_cast<int>(s)};
  }
  if (how.longest_edge > 0) {
    const double scale = how.longest_edge / static_cast<double>(std::max(w, h));
    const auto side = [scale](std::int64_t n) {
      return std::max(1, clamped(std::nearbyint(static_cast<double>(n) * scale)));
    };
    return {side(w), side(h)};
  }
  return {how.resize_width, how.resize_height};
}

Status check(Size s, const char* what) {
  if (s.width >= 1 && s.height >= 1 && s.width <= kMaxSide && s.height <= kMaxSide) return {};
  return fail(ErrorCode::InvalidInput,
              fmt::format("the {} of {} x {} is not within 1 and {} a side", what, s.width,
                          s.height, kMaxSide));
}

/// Half of a difference, to even, as torchvision's centre crop rounds.
int half_even(int difference) { return static_cast<int>(std::nearbyint(difference / 2.0)); }
int half_down(int difference) { return difference / 2; }

/// Cuts or pads with zeros to the size, centred.
Image8 centred(const Image8& in, Size to) {
  if (in.width == to.width && in.height == to.height) return in;
  const int padded_width = std::max(in.width, to.width),
            padded_height = std::max(in.height, to.height);
  const int left = half_down(padded_width - in.width), top = half_down(padded_height - in.height);
  const int cut_x = half_even(padded_width - to.width),
            cut_y = half_even(padded_height - to.height);
  Image8 out = image::blank(static_cast<std::uint64_t>(to.width),
                            static_cast<std::uint64_t>(to.height), in.channels);
  const auto c = static_cast<std::size_t>(in.channels);
  for (int y = 0; y < to.height; ++y) {
    const int sy = y + cut_y - top;
    if (sy < 0 || sy >= in.height) continue;
    const int first = std::max(0, left - cut_x), last = std::min(to.width, left - cut_x + in.width);
    if (first >= last) continue;
    const auto from = (static_cast<std::size_t>(sy) * static_cast<std::size_t>(in.width) +
                       static_cast<std::size_t>(first + cut_x - left)) *
                      c;
    const auto at = (static_cast<std::size_t>(y) * static_cast<std::size_t>(to.width) +
                     static_cast<std::size_t>(first)) *
                    c;
    std::memcpy(&out.pixels[at], &in.pixels[from], static_cast<std::size_t>(last - first) * c);
  }
  return out;
}

Status check_statistics(const ImagePreprocess& how) {
  const auto fits = [&](const std::vector<double>& v) {
    return v.size() <= 1 || v.size() == static_cast<std::size_t>(how.channels);
  };
  if (how.mean.empty() != how.std.empty() || !fits(how.mean) || !fits(how.std))
    return fail(ErrorCode::InvalidInput,
                fmt::format("{} means and {} standard deviations do not go with {} channels",
                            how.mean.size(), how.std.size(), how.channels));
  for (const double s : how.std)
    if (!(std::abs(s) > 0))
      return fail(ErrorCode::InvalidInput, "a standard deviation of 0 cannot normalise an image");
  return {};
}

ImageF normalised(const Image8& in, const ImagePreprocess& how) {
  ImageF out;
  out.channels = in.channels;
  out.width = in.width;
  out.height = in.height;
  const std::size_t n = static_cast<std::size_t>(in.width) * static_cast<std::size_t>(in.height);
  const auto c = static_cast<std::size_t>(in.channels);
  out.values.resize(n * c);
  for (std::size_t k = 0; k < c; ++k) {
    const double mean = how.mean.empty() ? 0 : how.mean[how.mean.size() == 1 ? 0 : k];
    const double deviation = how.std.empty() ? 1 : how.std[how.std.size() == 1 ? 0 : k];
    const std::size_t source = how.flip_channels ? c - 1 - k : k;
    for (std::size_t i = 0; i < n; ++i)
      out.values[k * n + i] =
          static_cast<float>((in.pixels[i * c + source] * how.rescale - mean) / deviation);
  }
  return out;
}

}  // namespace

Result<PreprocessedImage> preprocess(const Image8& image, const ImagePreprocess& how) {
  if (how.channels != 1 && how.channels != 3)
    return fail(ErrorCode::InvalidInput,
                fmt::format("images have 1 or 3 channels here, not {}", how.channels));
  if (image.width < 1 || image.height < 1)
    return fail(ErrorCode::InvalidInput, "the image has no pixels");
  VITRINE_CHECK(check_statistics(how));
  PreprocessedImage out;
  out.shown = with_channels(image, how.channels);
  if (how.do_resize) {
    const Size to = resized(image, how);
    VITRINE_CHECK(check(to, "resized image"));
    out.shown = how.area_filter ? resize_area(out.shown, to.width, to.height)
                                : resize_pil(out.shown, to.width, to.height, how.filter);
  }
  if (how.do_center_crop || how.do_pad || how.longest_edge > 0) {
    const int side = how.longest_edge;
    const Size to{how.crop_width > 0 ? how.crop_width : side,
                  how.crop_height > 0 ? how.crop_height : side};
    VITRINE_CHECK(check(to, how.do_center_crop ? "crop" : "padded image"));
    out.shown = centred(out.shown, to);
  }
  out.values = normalised(out.shown, how);
  return out;
}

}  // namespace vitrine::engine
