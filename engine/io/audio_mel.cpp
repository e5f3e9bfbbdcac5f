#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <numeric>

#include <fmt/format.h>

#include "engine/io/audio.h"

namespace vitrine::engine {
namespace {

constexpr int kRate = 16000, kWindow = 400, kHop = 160, kBins = kWindow / 2 + 1, kMaxSeconds = 3600;
constexpr double kPi = std::numbers::pi;

double hertz_to_mel(double hertz) {
  return hertz < 1000 ? hertz * 3 / 200 : 15 + std::log(hertz / 1000) * 27 / std::log(6.4);
}
double mel_to_hertz(double mel) {
  return mel < 15 ? mel * 200 / 3 : 1000 * std::exp((mel - 15) * std::log(6.4) / 27);
}

/// [mel, bin], each triangle of area 1.
std::vector<double> mel_filters(int mels) {
  std::vector<double> edges;
  const double top = hertz_to_mel(kRate / 2.0);
  for (int i = 0; i < mels + 2; ++i) edges.push_back(mel_to_hertz(top * i / (mels + 1)));
  std::vector<double> filters;
  for (int m = 0; m < mels; ++m) {
    const double low = edges[static_cast<std::size_t>(m)], peak = edges[static_cast<std::size_t>(m) + 1],
                 high = edges[static_cast<std::size_t>(m) + 2];
    for (int bin = 0; bin < kBins; ++bin) {
      const double hertz = static_cast<double>(bin) * kRate / kWindow;
      const double up = (hertz - low) / (peak - low), down = (high - hertz) / (high - peak);
      filters.push_back(std::max(0.0, std::min(up, down)) * 2 / (high - low));
    }
  }
  return filters;
}

/// One turn of cosine and sine, and the Hann window.
struct Tables {
  std::array<double, kWindow> cosine{}, sine{}, hann{};
  Tables() {
    for (std::size_t i = 0; i < kWindow; ++i) {
      const double angle = 2 * kPi * static_cast<double>(i) / kWindow;
      cosine[i] = std::cos(angle);
      sine[i] = std::sin(angle);
      hann[i] = 0.5 - 0.5 * std::cos(angle);
    }
  }
};

/// Squared magnitude of each bin.
void power_of(const std::array<double, kWindow>& frame, const Tables& tables, std::array<double, kBins>& power) {
  for (std::size_t bin = 0; bin < kBins; ++bin) {
    double real = 0, imaginary = 0;
    for (std::size_t i = 0, at = 0; i < kWindow; ++i) {
      real += frame[i] * tables.cosine[at];
      imaginary -= frame[i] * tables.sine[at];
      at += bin;
      if (at >= kWindow) at -= kWindow;
    }
    power[bin] = real * real + imaginary * imaginary;
  }
}

/// Sample `i` of sound whose ends are mirrored.
float reflected(const std::vector<float>& sound, std::ptrdiff_t i) {
  const auto n = static_cast<std::ptrdiff_t>(sound.size());
  if (i < 0) i = -i;
  if (i >= n) i = 2 * (n - 1) - i;
  return sound[static_cast<std::size_t>(i)];
}

}  // namespace

Result<LogMel> log_mel(std::span<const float> samples, int mels, int seconds) {
  if (mels < 1 || mels > 256 || seconds < 1 || seconds > kMaxSeconds)
    return fail(ErrorCode::InvalidInput, fmt::format("expected 1 to 256 mels and 1 to {} seconds, came {} and {}", kMaxSeconds, mels, seconds));
  const std::size_t length = static_cast<std::size_t>(seconds) * kRate;
  std::vector<float> sound(samples.begin(), samples.begin() + static_cast<std::ptrdiff_t>(std::min(samples.size(), length)));
  for (std::size_t i = 0; i < sound.size(); ++i)
    if (!std::isfinite(sound[i])) return fail(ErrorCode::InvalidInput, fmt::format("sample {} of the sound is no finite number", i));
  sound.resize(length);
  const Tables tables;
  const auto filters = mel_filters(mels);
  LogMel out{mels, seconds * kRate / kHop, {}};
  const auto frames = static_cast<std::size_t>(out.frames), rows = static_cast<std::size_t>(mels);
  std::vector<double> logs(rows * frames);
  double largest = -10;
  for (std::size_t t = 0; t < frames; ++t) {
    std::array<double, kWindow> frame{};
    std::array<double, kBins> power{};
    bool silent = true;
    for (std::size_t i = 0; i < kWindow; ++i) {
      const float v = reflected(sound, static_cast<std::ptrdiff_t>(t * kHop + i) - kWindow / 2);
      silent = silent && v == 0;
      frame[i] = v * tables.hann[i];
    }
    if (!silent) power_of(frame, tables, power);
    for (std::size_t m = 0; m < rows; ++m) {
      const double energy = std::inner_product(power.begin(), power.end(), filters.begin() + static_cast<std::ptrdiff_t>(m * kBins), 0.0);
      logs[m * frames + t] = std::log10(std::max(energy, 1e-10));
      largest = std::max(largest, logs[m * frames + t]);
    }
  }
  out.values.reserve(logs.size());
  for (const double v : logs) out.values.push_back(static_cast<float>((std::max(v, largest - 8) + 4) / 4));
  return out;
}

std::vector<float> resample(std::span<const float> samples, int from, int to) {
  if (from == to || from < 1 || to < 1) return {samples.begin(), samples.end()};
  const int common = std::gcd(from, to), down = from / common, up = to / common;
  constexpr double kCrossings = 6;
  const double base = 0.99 * std::min(down, up);
  const int width = static_cast<int>(std::ceil(kCrossings * down / base));
  const std::size_t taps = static_cast<std::size_t>(2 * width + down);
  std::vector<double> kernel(static_cast<std::size_t>(up) * taps);
  for (int phase = 0; phase < up; ++phase)
    for (std::size_t k = 0; k < taps; ++k) {
      const double t = std::clamp((-static_cast<double>(phase) / up + (static_cast<double>(k) - width) / down) * base, -kCrossings, kCrossings);
      const double window = std::cos(t * kPi / kCrossings / 2), x = t * kPi;
      kernel[static_cast<std::size_t>(phase) * taps + k] = (x == 0 ? 1 : std::sin(x) / x) * window * window * base / down;
    }
  const std::size_t length = (samples.size() * static_cast<std::size_t>(up) + static_cast<std::size_t>(down) - 1) / static_cast<std::size_t>(down);
  std::vector<float> out(length);
  for (std::size_t i = 0; i < length; ++i) {
    const std::size_t block = i / static_cast<std::size_t>(up), phase = i % static_cast<std::size_t>(up);
    double sum = 0;
    for (std::size_t k = 0; k < taps; ++k) {
      const auto at = static_cast<std::ptrdiff_t>(block * static_cast<std::size_t>(down) + k) - width;
      if (at >= 0 && at < static_cast<std::ptrdiff_t>(samples.size())) sum += kernel[phase * taps + k] * samples[static_cast<std::size_t>(at)];
    }
    out[i] = static_cast<float>(sum);
  }
  return out;
}

}  // namespace vitrine::engine
