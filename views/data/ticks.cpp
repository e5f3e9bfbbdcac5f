#include "views/data/ticks.h"

#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

namespace vitrine::views {
namespace {

constexpr const char* kMinus = "\u2212";

std::string with_minus(std::string text) {
  if (!text.empty() && text[0] == '-') text.replace(0, 1, kMinus);
  return text;
}

std::string exponent(double value, int digits) {
  const auto text = fmt::format("{:.{}e}", value, std::max(0, digits - 1));
  const auto e = text.find('e');
  if (e == std::string::npos) return text;
  std::string mantissa = text.substr(0, e);
  if (mantissa.find('.') != std::string::npos) {
    while (mantissa.back() == '0') mantissa.pop_back();
    if (mantissa.back() == '.') mantissa.pop_back();
  }
  return fmt::format("{}e{}", mantissa, std::stoi(text.substr(e + 1)));
}

std::string grouped(double value) {
  auto digits = fmt::format("{:.0f}", std::abs(value));
  for (int at = static_cast<int>(digits.size()) - 3; at > 0; at -= 3) digits.insert(static_cast<std::size_t>(at), ",");
  return value < 0 ? kMinus + digits : digits;
}

double nice_step(double span, int wanted) {
  const double raw = span / std::max(1, wanted);
  const double power = std::pow(10, std::floor(std::log10(raw)));
  double best = power;
  for (const double m : {1.0, 2.0, 2.5, 5.0, 10.0})
    if (std::abs(std::log(m * power / raw)) < std::abs(std::log(best / raw))) best = m * power;
  return best;
}

std::vector<Tick> linear_ticks(const ValueRange& range, int wanted) {
  const double step = nice_step(range.hi - range.lo, wanted);
  const double big = std::max(std::abs(range.lo), std::abs(range.hi));
  const bool scientific = big >= 1e6 || step < 1e-4;
  int decimals = 0;
  while (decimals < 8 && std::abs(step * std::pow(10, decimals) - std::round(step * std::pow(10, decimals))) > 1e-6)
    ++decimals;
  std::vector<Tick> out;
  const double first = std::ceil(range.lo / step - 1e-9), last = std::floor(range.hi / step + 1e-9);
  for (double k = first; k <= last && out.size() < 200; ++k) {
    const double value = k == 0 ? 0 : k * step;
    auto label = value == 0   ? std::string("0")
                 : scientific ? exponent(value, 3)
                              : fmt::format("{:.{}f}", value, decimals);
    out.push_back({value, with_minus(std::move(label))});
  }
  return out;
}

std::string power_label(double value) {
  return value < 9e-4 || value >= 1e6 ? exponent(value, 2) : fmt::format("{:g}", value);
}

std::vector<Tick> log_ticks(const ValueRange& range, int wanted) {
  std::vector<Tick> out;
  const int from = static_cast<int>(std::floor(std::log10(range.lo) + 1e-9));
  const int to = static_cast<int>(std::ceil(std::log10(range.hi) - 1e-9));
  const int stride = std::max(1, static_cast<int>(std::lround(double(to - from) / std::max(1, wanted))));
  const bool dense = to - from < wanted;
  for (int power = from; power <= to; ++power) {
    for (const double m : {1.0, 2.0, 5.0}) {
      const double value = m * std::pow(10, power);
      if (value < range.lo * (1 - 1e-9) || value > range.hi * (1 + 1e-9)) continue;
      const bool minor = m == 1 ? (power - from) % stride != 0 : !dense || to - from > 2;
      out.push_back({value, minor ? "" : power_label(value), minor});
    }
  }
  return out;
}

}  // namespace

std::vector<Tick> ticks(const ValueRange& range, int wanted) {
  if (!(range.hi > range.lo) || !std::isfinite(range.hi - range.lo)) return {};
  return range.scale == Scale::Log && range.lo > 0 ? log_ticks(range, wanted) : linear_ticks(range, wanted);
}

int index_step(int count, int wanted) {
  wanted = std::max(1, wanted);
  for (int power = 1; power < 1'000'000'000; power *= 10)
    for (const int m : {1, 2, 5})
      if ((count + m * power - 1) / (m * power) <= wanted) return m * power;
  return std::max(1, count);
}

std::string format_value(double value, int digits) {
  if (std::isnan(value)) return "\u2013";
  if (std::isinf(value)) return value > 0 ? "\u221e" : "\u2212\u221e";
  if (value == 0) return "0";
  const double size = std::abs(value);
  if (value == std::round(value) && size < 1e6) return with_minus(fmt::format("{:.0f}", value));
  if (size >= 1e6 || size < 1e-4) return with_minus(exponent(value, digits));
  const int before = static_cast<int>(std::floor(std::log10(size))) + 1;
  return with_minus(
      fmt::format("{:.{}f}", value, std::clamp(std::max(digits - std::max(before, 0), 2 - before), 0, 8)));
}

std::string format_compact(double value) {
  if (!std::isfinite(value)) return format_value(value);
  const double size = std::abs(value);
  if (size >= 1e4 || (size > 0 && size < 5e-4)) {
    if (size >= 1e4 && size < 1e6) return with_minus(fmt::format("{:.0f}k", value / 1e3));
    if (size >= 1e6 && size < 1e9) return with_minus(fmt::format("{:.1f}M", value / 1e6));
    return with_minus(exponent(value, 1));
  }
  if (value == std::round(value)) return with_minus(fmt::format("{:.0f}", value));
  return with_minus(fmt::format("{:.{}f}", value, size >= 100 ? 0 : size >= 10 ? 1 : size >= 0.0995 ? 2 : 3));
}

std::string format_with_unit(double value, const std::string& unit, int digits) {
  if (std::isnan(value)) return "\u2013";
  if (unit == "bytes" || unit == "byte" || unit == "B") {
    static constexpr std::array kNames{"bytes", "KB", "MB", "GB", "TB"};
    std::size_t at = 0;
    for (; std::abs(value) >= 1000 && at + 1 < kNames.size(); ++at) value /= 1000;
    return fmt::format("{} {}", at == 0 ? grouped(value) : format_value(value, 3), kNames[at]);
  }
  const bool whole = value == std::round(value) && std::abs(value) < 1e15;
  const auto number = whole && std::abs(value) >= 1000 ? grouped(value) : format_value(value, digits);
  return unit.empty() ? number : number + (unit == "%" ? "\u202f%" : " " + unit);
}

}  // namespace vitrine::views
