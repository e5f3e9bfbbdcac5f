#include <algorithm>
#include <cmath>
#include <numbers>

#include "engine/io/image_codecs.h"

namespace vitrine::engine {
namespace {

/// Weights in 22-bit fixed point: 8 bits of value and 2 of head room are left of 32.
constexpr int kPrecision = 22;

struct Kernel {
  double support;
  double (*value)(double x);
};

double sinc(double x) {
  return x == 0 ? 1 : std::sin(x * std::numbers::pi) / (x * std::numbers::pi);
}

Kernel kernel_of(Resample filter) {
  switch (filter) {
    case Resample::Box:
      return {0.5, [](double x) { return x > -0.5 && x <= 0.5 ? 1.0 : 0.0; }};
    case Resample::Hamming:
      return {1, [](double x) {
                x = std::abs(x);
                return x >= 1 ? 0.0 : sinc(x) * (0.54 + 0.46 * std::cos(x * std::numbers::pi));
              }};
    case Resample::Bicubic:
      return {2, [](double x) {
                constexpr double a = -0.5;
                x = std::abs(x);
                if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
                return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0.0;
              }};
    case Resample::Lanczos:
      return {3, [](double x) { return x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0.0; }};
    default:
      return {1, [](double x) { return std::max(0.0, 1 - std::abs(x)); }};
  }
}

/// What one output sample takes: `weights[i]` of input sample `first + i`.
struct Taps {
  int first = 0;
  std::vector<std::int32_t> weights;
};

std::vector<Taps> taps_of(int in, int out, const Kernel& kernel) {
  const double scale = static_cast<double>(in) / out, stretch = std::max(scale, 1.0),
               support = kernel.support * stretch;
  std::vector<Taps> all(static_cast<std::size_t>(out));
  std::vector<double> raw;
  for (int x = 0; x < out; ++x) {
    const double centre = (x + 0.5) * scale;
    const int first = std::max(0, static_cast<int>(centre - support + 0.5));
    const int last = std::min(in, static_cast<int>(centre + support + 0.5));
    raw.assign(static_cast<std::size_t>(std::max(0, last - first)), 0);
    double sum = 0;
    for (std::size_t i = 0; i < raw.size(); ++i)
      sum += raw[i] = kernel.value((static_cast<double>(i) + first - centre + 0.5) / stretch);
    Taps& t = all[static_cast<std::size_t>(x)];
    t.first = first;
    for (const double w : raw) {
      const double scaled = (sum == 0 ? w : w / sum) * (1 << kPrecision);
      t.weights.push_back(static_cast<std::int32_t>(scaled < 0 ? scaled - 0.5 : scaled + 0.5));
    }
  }
  return all;
}

std::uint8_t clip(std::int64_t sum) {
  return static_cast<std::uint8_t>(std::clamp<std::int64_t>(sum >> kPrecision, 0, 255));
}

Image8 resize_rows(const Image8& in, int width, const Kernel& kernel) {
  Image8 out = image::blank(static_cast<std::uint64_t>(width),
                            static_cast<std::uint64_t>(in.height), in.channels);
  const auto c = static_cast<std::size_t>(in.channels);
  const auto taps = taps_of(in.width, width, kernel);
  for (std::size_t y = 0; y < static_cast<std::size_t>(in.height); ++y) {
    const std::uint8_t* from = in.pixels.data() + y * static_cast<std::size_t>(in.width) * c;
    std::uint8_t* to = out.pixels.data() + y * taps.size() * c;
    for (const Taps& t : taps) {
      for (std::size_t k = 0; k < c; ++k) {
        std::int64_t sum = std::int64_t{1} << (kPrecision - 1);
        const std::uint8_t* p = from + static_cast<std::size_t>(t.first) * c + k;
        for (std::size_t i = 0; i < t.weights.size(); ++i)
          sum += std::int64_t{p[i * c]} * t.weights[i];
        *to++ = clip(sum);
      }
    }
  }
  return out;
}

Image8 resize_columns(const Image8& in, int height, const Kernel& kernel) {
  Image8 out = image::blank(static_cast<std::uint64_t>(in.width),
                            static_cast<std::uint64_t>(height), in.channels);
  const std::size_t stride =
      static_cast<std::size_t>(in.width) * static_cast<std::size_t>(in.channels);
  const auto taps = taps_of(in.height, height, kernel);
  std::vector<std::int64_t> sums(stride);
  for (std::size_t y = 0; y < taps.size(); ++y) {
    std::fill(sums.begin(), sums.end(), std::int64_t{1} << (kPrecision - 1));
    for (std::size_t i = 0; i < taps[y].weights.size(); ++i) {
      const std::uint8_t* from =
          in.pixels.data() + (static_cast<std::size_t>(taps[y].first) + i) * stride;
      const std::int64_t weight = taps[y].weights[i];
      for (std::size_t x = 0; x < stride; ++x) sums[x] += from[x] * weight;
    }
    std::transform(sums.begin(), sums.end(),
                   out.pixels.begin() + static_cast<std::ptrdiff_t>(y * stride), clip);
  }
  return out;
}

/// The input sample that each output sample takes. Pillow adds up the positions, and their rounding errors with them.
std::vector<std::size_t> nearest_of(int in, int out) {
  const double scale = static_cast<double>(in) / out;
  std::vector<std::size_t> all;
  double at = scale * 0.5;
  for (int i = 0; i < out; ++i, at += scale) all.push_back(static_cast<std::size_t>(std::min(at, in - 1.0)));
  return all;
}

Image8 resize_nearest(const Image8& in, int width, int height) {
  Image8 out = image::blank(static_cast<std::uint64_t>(width), static_cast<std::uint64_t>(height),
                            in.channels);
  const auto c = static_cast<std::size_t>(in.channels);
  const auto columns = nearest_of(in.width, width), rows = nearest_of(in.height, height);
  std::uint8_t* to = out.pixels.data();
  for (const std::size_t row : rows)
    for (const std::size_t column : columns)
      to = std::copy_n(in.pixels.data() + (row * static_cast<std::size_t>(in.width) + column) * c, c, to);
  return out;
}

/// Float weights along one axis as OpenCV's INTER_AREA has them.
struct AreaTaps {
  int first = 0;
  std::vector<float> weights;
};

std::vector<AreaTaps> shrink_taps(int in, int out) {
  constexpr double kSliver = 1e-3;
  const double scale = static_cast<double>(in) / out;
  std::vector<AreaTaps> all(static_cast<std::size_t>(out));
  for (int x = 0; x < out; ++x) {
    const double begin = x * scale, end = begin + scale, cell = std::min(scale, in - begin);
    int first = static_cast<int>(std::ceil(begin));
    const int last = std::min(static_cast<int>(std::floor(end)), in - 1);
    first = std::min(first, last);
    AreaTaps& t = all[static_cast<std::size_t>(x)];
    t.first = first;
    if (first - begin > kSliver) {
      t.first = first - 1;
      t.weights.push_back(static_cast<float>((first - begin) / cell));
    }
    for (int i = first; i < last; ++i) t.weights.push_back(static_cast<float>(1 / cell));
    if (end - last > kSliver)
      t.weights.push_back(static_cast<float>(std::min(std::min(end - last, 1.0), cell) / cell));
  }
  return all;
}

std::vector<AreaTaps> enlarge_taps(int in, int out) {
  const double scale = static_cast<double>(in) / out, inverse = static_cast<double>(out) / in;
  std::vector<AreaTaps> all(static_cast<std::size_t>(out));
  for (int x = 0; x < out; ++x) {
    int first = static_cast<int>(std::floor(x * scale));
    double part = (x + 1) - (first + 1) * inverse;
    part = part <= 0 ? 0 : part - std::floor(part);
    if (first >= in - 1) {
      first = in - 1;
      part = 0;
    }
    AreaTaps& t = all[static_cast<std::size_t>(x)];
    t.first = first;
    t.weights.push_back(static_cast<float>(1 - part));
    if (part > 0) t.weights.push_back(static_cast<float>(part));
  }
  return all;
}

}  // namespace

Image8 resize_pil(const Image8& in, int width, int height, Resample filter) {
  if (width == in.width && height == in.height) return in;
  if (filter == Resample::Nearest) return resize_nearest(in, width, height);
  const Kernel kernel = kernel_of(filter);
  if (width == in.width) return resize_columns(in, height, kernel);
  // Rounding after the first pass makes the order visible. Pillow 13 takes the columns first where
  // the height shrinks by more than twice what the width does.
  const bool columns_first =
      in.height > height && in.height - height > 2 * std::max(0, in.width - width);
  if (columns_first) return resize_rows(resize_columns(in, height, kernel), width, kernel);
  const Image8 wide = resize_rows(in, width, kernel);
  return height == in.height ? wide : resize_columns(wide, height, kernel);
}

Image8 resize_area(const Image8& in, int width, int height) {
  if (width == in.width && height == in.height) return in;
  const bool shrink = width <= in.width && height <= in.height;
  const auto columns = shrink ? shrink_taps(in.width, width) : enlarge_taps(in.width, width);
  const auto rows = shrink ? shrink_taps(in.height, height) : enlarge_taps(in.height, height);
  Image8 out = image::blank(static_cast<std::uint64_t>(width), static_cast<std::uint64_t>(height),
                            in.channels);
  const auto c = static_cast<std::size_t>(in.channels);
  const std::size_t stride = static_cast<std::size_t>(in.width) * c,
                    out_stride = static_cast<std::size_t>(width) * c;
  std::vector<float> sums(out_stride);
  for (std::size_t y = 0; y < rows.size(); ++y) {
    std::fill(sums.begin(), sums.end(), 0.0F);
    for (std::size_t j = 0; j < rows[y].weights.size(); ++j) {
      const std::uint8_t* row =
          in.pixels.data() + (static_cast<std::size_t>(rows[y].first) + j) * stride;
      for (std::size_t x = 0; x < columns.size(); ++x) {
        for (std::size_t k = 0; k < c; ++k) {
          float value = 0;
          for (std::size_t i = 0; i < columns[x].weights.size(); ++i)
            value +=
                static_cast<float>(row[(static_cast<std::size_t>(columns[x].first) + i) * c + k]) *
                columns[x].weights[i];
          sums[x * c + k] += value * rows[y].weights[j];
        }
      }
    }
    for (std::size_t i = 0; i < out_stride; ++i)
      out.pixels[y * out_stride + i] =
          static_cast<std::uint8_t>(std::clamp(std::nearbyint(sums[i]), 0.0F, 255.0F));
  }
  return out;
}

}  // namespace vitrine::engine
