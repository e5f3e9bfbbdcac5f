#include <algorithm>
#include <cmath>

#include "engine/io/image.h"

namespace vitrine::engine {
namespace {

double cubic(double x, double a) {
  x = std::abs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}

/// What one output sample takes: weights[i] of input sample index[i].
struct Taps {
  std::vector<int> index;
  std::vector<double> weights;
};

/// With antialiasing the kernel widens with the scale and is cut at the border; without it, it takes the nearest
/// samples and the border repeats.
Taps taps_at(int x, int in, int out, bool bicubic, bool antialias) {
  const double scale = static_cast<double>(in) / out, centre = (x + 0.5) * scale;
  const double stretch = antialias ? std::max(scale, 1.0) : 1.0, a = antialias ? -0.5 : -0.75;
  const double support = (bicubic ? 2 : 1) * stretch;
  Taps taps;
  double sum = 0;
  const int first = antialias ? std::max(0, static_cast<int>(centre - support + 0.5)) : static_cast<int>(std::floor(centre - 0.5 - support)) + 1;
  const int last = antialias ? std::min(in, static_cast<int>(centre + support + 0.5)) : static_cast<int>(std::floor(centre - 0.5 + support)) + 1;
  for (int i = first; i < last; ++i) {
    const double distance = (i - centre + 0.5) / stretch;
    const double weight = bicubic ? cubic(distance, a) : std::max(0.0, 1 - std::abs(distance));
    taps.index.push_back(std::clamp(i, 0, in - 1));
    taps.weights.push_back(weight);
    sum += weight;
  }
  for (double& w : taps.weights) w = sum == 0 ? w : w / sum;
  return taps;
}

}  // namespace

ImageF resize_float(const ImageF& in, int width, int height, Resample filter, bool antialias) {
  const bool bicubic = filter == Resample::Bicubic;
  const auto at = [](int channel, int rows, int row, int columns, int column) {
    return (static_cast<std::size_t>(channel) * static_cast<std::size_t>(rows) + static_cast<std::size_t>(row)) *
               static_cast<std::size_t>(columns) + static_cast<std::size_t>(column);
  };
  const auto sized = [&](int w, int h) {
    ImageF out{in.channels, h, w, {}};
    out.values.resize(static_cast<std::size_t>(in.channels) * static_cast<std::size_t>(h) * static_cast<std::size_t>(w));
    return out;
  };
  ImageF wide = sized(width, in.height), out = sized(width, height);
  for (int x = 0; x < width; ++x) {
    const Taps taps = taps_at(x, in.width, width, bicubic, antialias);
    for (int c = 0; c < in.channels; ++c)
      for (int y = 0; y < in.height; ++y) {
        double sum = 0;
        for (std::size_t i = 0; i < taps.index.size(); ++i) sum += taps.weights[i] * in.values[at(c, in.height, y, in.width, taps.index[i])];
        wide.values[at(c, in.height, y, width, x)] = static_cast<float>(sum);
      }
  }
  for (int y = 0; y < height; ++y) {
    const Taps taps = taps_at(y, in.height, height, bicubic, antialias);
    for (int c = 0; c < in.channels; ++c)
      for (int x = 0; x < width; ++x) {
        double sum = 0;
        for (std::size_t i = 0; i < taps.index.size(); ++i) sum += taps.weights[i] * wide.values[at(c, in.height, taps.index[i], width, x)];
        out.values[at(c, height, y, width, x)] = static_cast<float>(sum);
      }
  }
  return out;
}

}  // namespace vitrine::engine
