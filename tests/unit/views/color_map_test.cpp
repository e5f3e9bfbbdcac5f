#include "views/data/color_map.h"

#include <array>
#include <cmath>

#include <gtest/gtest.h>

#include "views/data/style.h"

namespace vitrine::views {
namespace {

double distance(Color x, Color y) {
  const Lab p = to_oklab(x), q = to_oklab(y);
  return std::hypot(p.L - q.L, p.a - q.a, p.b - q.b);
}

/// Machado, Oliveira and Fernandes 2009, doi:10.1109/TVCG.2009.113, severity 1, on linear RGB.
using Matrix = std::array<std::array<double, 3>, 3>;
constexpr Matrix kProtanopia{
    {{0.152286, 1.052583, -0.204868}, {0.114503, 0.786281, 0.099216}, {-0.003882, -0.048116, 1.051998}}};
constexpr Matrix kDeuteranopia{
    {{0.367322, 0.860646, -0.227968}, {0.280085, 0.672501, 0.047413}, {-0.011820, 0.042940, 0.968881}}};
constexpr Matrix kTritanopia{
    {{1.255528, -0.076749, -0.178779}, {-0.078411, 0.930809, 0.147602}, {0.004733, 0.691367, 0.303900}}};

Color seen_by(const Matrix& m, Color c) {
  const auto linear = [](double v) { return v <= 0.04045 ? v / 12.92 : std::pow((v + 0.055) / 1.055, 2.4); };
  const auto back = [](double v) {
    v = std::clamp(v, 0.0, 1.0);
    return static_cast<std::uint8_t>(
        std::lround(255 * (v <= 0.0031308 ? 12.92 * v : 1.055 * std::pow(v, 1 / 2.4) - 0.055)));
  };
  const std::array<double, 3> in{linear(c.r / 255.0), linear(c.g / 255.0), linear(c.b / 255.0)};
  std::array<double, 3> out{};
  for (std::size_t i = 0; i < 3; ++i)
    for (std::size_t j = 0; j < 3; ++j) out[i] += m[i][j] * in[j];
  return {back(out[0]), back(out[1]), back(out[2]), 255};
}

class EveryMap : public testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(ColorMap, EveryMap,
                         testing::Values("viridis", "magma", "cividis", "ink", "grey", "balance", "dusk"),
                         [](const auto& info) { return info.param; });

TEST_P(EveryMap, IsBuiltInWithALicence) {
  const auto& map = color_map(GetParam());
  EXPECT_EQ(map.name, GetParam());
  EXPECT_FALSE(map.licence.empty());
  EXPECT_FALSE(map.source.empty());
}

TEST_P(EveryMap, HasLightnessThatRunsOneWayOnEachArm) {
  const auto& map = color_map(GetParam());
  const bool diverging = map.kind == ColorMap::Kind::Diverging;
  const auto monotone = [&](std::size_t from, std::size_t to) {
    const double sign = to_oklab(map.table[to]).L > to_oklab(map.table[from]).L ? 1 : -1;
    for (std::size_t i = from; i < to; ++i)
      EXPECT_GT(sign * (to_oklab(map.table[i + 1]).L - to_oklab(map.table[i]).L), -0.004) << GetParam() << " at " << i;
    EXPECT_GT(std::abs(to_oklab(map.table[to]).L - to_oklab(map.table[from]).L), 0.5);
  };
  if (!diverging) return monotone(0, 255);
  monotone(0, 127);
  monotone(128, 255);
  for (std::size_t i = 0; i < 128; ++i)
    EXPECT_NEAR(to_oklab(map.table[i]).L, to_oklab(map.table[255 - i]).L, 0.02) << "arms differ at " << i;
}

TEST_P(EveryMap, ChangesEvenly) {
  const auto& map = color_map(GetParam());
  double total = 0, most = 0;
  for (std::size_t i = 0; i + 8 < 256; ++i) {
    const double step = distance(map.table[i], map.table[i + 8]);
    total += step;
    most = std::max(most, step);
  }
  EXPECT_LT(most, 2.6 * total / 248);
}

TEST_P(EveryMap, IsToldApartByTheColourBlind) {
  const auto& map = color_map(GetParam());
  for (const auto& sight : {kProtanopia, kDeuteranopia, kTritanopia}) {
    for (std::size_t i = 0; i + 32 < 256; ++i) {
      const bool crosses_middle = map.kind == ColorMap::Kind::Diverging && i < 128 && i + 32 > 127;
      if (!crosses_middle) {
        EXPECT_GT(distance(seen_by(sight, map.table[i]), seen_by(sight, map.table[i + 32])), 0.05) << i;
      }
    }
    if (map.kind == ColorMap::Kind::Diverging) {
      EXPECT_GT(distance(seen_by(sight, map.table[40]), seen_by(sight, map.table[215])), 0.12)
          << "the arms look alike";
    }
  }
}

TEST(ColorMap, HasThePublishedEndsOfViridis) {
  const auto& map = color_map("viridis");
  EXPECT_EQ(hex(map.at(0)), "#440154");
  EXPECT_EQ(hex(map.at(1)), "#fde725");
  EXPECT_EQ(map.at(-3), map.at(0));
  EXPECT_EQ(map.at(7), map.at(1));
}

TEST(ColorMap, RefusesWhatIsNoMap) {
  EXPECT_FALSE(parse_color_map("[1"));
  EXPECT_FALSE(parse_color_map(R"({"name": "x", "kind": "sequential", "points": ["#000000"]})"));
  EXPECT_EQ(parse_color_map(R"({"name": "x", "kind": "rainbow", "points": []})").error().message,
            "expected 'kind' sequential or diverging, came 'rainbow'");
  EXPECT_EQ(parse_color_map(R"({"name": "x", "kind": "sequential", "points": ["#000000", "red"]})").error().message,
            "expected a colour as #rrggbb or #rrggbbaa, came 'red'");
}

TEST(Color, GoesThroughOklabAndBack) {
  for (int r = 0; r < 256; r += 51)
    for (int g = 0; g < 256; g += 51)
      for (int b = 0; b < 256; b += 51) {
        const Color c{static_cast<std::uint8_t>(r), static_cast<std::uint8_t>(g), static_cast<std::uint8_t>(b), 255};
        EXPECT_EQ(from_oklab(to_oklab(c)), c);
      }
  EXPECT_NEAR(to_oklab({255, 255, 255, 255}).L, 1, 1e-6);
}

TEST(Style, KeepsTextReadable) {
  for (const char* name : {"dark", "light"}) {
    const Style& style = builtin_style(name, Medium::Screen);
    EXPECT_EQ(style.name, name);
    for (const Color back : {style.surface, style.window}) {
      EXPECT_GE(contrast_ratio(style.text, back), 7) << name;
      EXPECT_GE(contrast_ratio(style.muted, back), 4.5) << name;
      for (const Color sign : {style.accent, style.warning, style.error, style.good})
        EXPECT_GE(contrast_ratio(sign, back), 3) << name;
    }
    for (const Color series : style.series)
      EXPECT_GE(contrast_ratio(series, style.surface), 2.7) << name << hex(series);
  }
}

TEST(Style, NamesTheMissingKey) {
  EXPECT_EQ(parse_style(R"({"name": "x", "colors": {"window": "#000000"}})", Medium::Screen).error().message,
            "expected a colour 'surface' in the theme, came none");
}

}  // namespace
}  // namespace vitrine::views
