#include "views/data/color.h"

#include <array>
#include <cmath>

#include <fmt/format.h>

namespace vitrine::views {
namespace {

double linear(double c) { return c <= 0.04045 ? c / 12.92 : std::pow((c + 0.055) / 1.055, 2.4); }
double gamma(double c) { return c <= 0.0031308 ? 12.92 * c : 1.055 * std::pow(c, 1 / 2.4) - 0.055; }

std::uint8_t byte(double c) { return static_cast<std::uint8_t>(std::lround(255 * std::clamp(c, 0.0, 1.0))); }

const std::array<double, 256>& linear_table() {
  static const auto table = [] {
    std::array<double, 256> t{};
    for (int i = 0; i < 256; ++i) t[static_cast<std::size_t>(i)] = linear(i / 255.0);
    return t;
  }();
  return table;
}

double luminance(Color c) {
  const auto& t = linear_table();
  return 0.2126 * t[c.r] + 0.7152 * t[c.g] + 0.0722 * t[c.b];
}

int nibble(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

Lab to_oklab(Color c) {
  const auto& t = linear_table();
  const double r = t[c.r], g = t[c.g], b = t[c.b];
  const double l = std::cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const double m = std::cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const double s = std::cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return {0.2104542553 * l + 0.7936177850 * m - 0.0040720468 * s,
          1.9779984951 * l - 2.4285922050 * m + 0.4505937099 * s,
          0.0259040371 * l + 0.7827717662 * m - 0.8086757660 * s};
}

Color from_oklab(Lab lab) {
  const auto cube = [](double x) { return x * x * x; };
  const double l = cube(lab.L + 0.3963377774 * lab.a + 0.2158037573 * lab.b);
  const double m = cube(lab.L - 0.1055613458 * lab.a - 0.0638541728 * lab.b);
  const double s = cube(lab.L - 0.0894841775 * lab.a - 1.2914855480 * lab.b);
  return {byte(gamma(4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s)),
          byte(gamma(-1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s)),
          byte(gamma(-0.0041960863 * l - 0.7034186147 * m + 1.7076147010 * s)), 255};
}

engine::Result<Color> parse_color(std::string_view text) {
  const bool sized = text.size() == 7 || text.size() == 9;
  std::array<std::uint8_t, 4> bytes{0, 0, 0, 255};
  bool good = sized && text[0] == '#';
  for (std::size_t i = 1; good && i < text.size(); i += 2) {
    const int high = nibble(text[i]), low = nibble(text[i + 1]);
    good = high >= 0 && low >= 0;
    if (good) bytes[i / 2] = static_cast<std::uint8_t>(16 * high + low);
  }
  if (!good)
    return engine::fail(engine::ErrorCode::FileFormat,
                        fmt::format("expected a colour as #rrggbb or #rrggbbaa, came '{}'", text.substr(0, 40)));
  return Color{bytes[0], bytes[1], bytes[2], bytes[3]};
}

std::string hex(Color c) { return fmt::format("#{:02x}{:02x}{:02x}", c.r, c.g, c.b); }

Color with_alpha(Color c, double alpha) {
  c.a = byte(alpha);
  return c;
}

Color blend(Color under, Color over) {
  const double a = over.a / 255.0;
  const auto lay = [a](int u, int o) { return static_cast<std::uint8_t>(std::lround(u + (o - u) * a)); };
  return {lay(under.r, over.r), lay(under.g, over.g), lay(under.b, over.b), 255};
}

Color mix(Color from, Color to, double u) {
  const Lab p = to_oklab(from), q = to_oklab(to);
  u = std::clamp(u, 0.0, 1.0);
  Color c = from_oklab({p.L + (q.L - p.L) * u, p.a + (q.a - p.a) * u, p.b + (q.b - p.b) * u});
  c.a = static_cast<std::uint8_t>(std::lround(from.a + (to.a - from.a) * u));
  return c;
}

double contrast_ratio(Color x, Color y) {
  const double p = luminance(x), q = luminance(y);
  return (std::max(p, q) + 0.05) / (std::min(p, q) + 0.05);
}

Color readable_on(Color background) {
  const Color black{16, 18, 22, 255}, white{255, 255, 255, 255};
  return contrast_ratio(black, background) >= contrast_ratio(white, background) ? black : white;
}

}  // namespace vitrine::views
