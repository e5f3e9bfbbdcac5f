#include "views/canvas/raster.h"

#include <limits>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace vitrine::views {
namespace {

constexpr std::uint32_t kBlack = 0xFF000000U, kWhite = 0xFFFFFFFFU;

struct Picture {
  int width, height;
  std::vector<std::uint32_t> colors = std::vector<std::uint32_t>(static_cast<std::size_t>(width * height), kBlack);

  Pixels pixels() { return {colors.data(), width, height, width}; }
  [[nodiscard]] Area all() const { return {0, 0, width, height}; }
  [[nodiscard]] std::uint32_t at(int x, int y) const { return colors[static_cast<std::size_t>(y * width + x)]; }
};

Texture random_texture(int width, int height, bool smooth, std::uint32_t least_alpha = 255) {
  std::mt19937 random(7);
  Texture out{.width = width, .height = height, .smooth = smooth, .opaque = least_alpha == 255};
  for (int i = 0; i < width * height; ++i)
    out.colors.push_back((random() & 0xFFFFFFU) | (least_alpha + random() % (256 - least_alpha)) << 24U);
  return out;
}

/// The whole texture, upright, in a box.
Box showing_all(double left, double top, double right, double bottom, std::uint32_t color = kWhite) {
  return {.left = left, .top = top, .right = right, .bottom = bottom, .u_x = 1 / (right - left), .v_y = 1 / (bottom - top), .color = color};
}

int apart(std::uint32_t a, std::uint32_t b) {
  int most = 0;
  for (const unsigned shift : {0U, 8U, 16U})
    most = std::max(most, std::abs(static_cast<int>(a >> shift & 0xFFU) - static_cast<int>(b >> shift & 0xFFU)));
  return most;
}

TEST(MixOver, RoundsToNearest) {
  for (std::uint32_t below = 0; below < 256; below += 3)
    for (std::uint32_t color = 0; color < 256; ++color)
      for (std::uint32_t alpha = 0; alpha < 256; alpha += 5) {
        const auto exact = static_cast<std::uint32_t>(std::lround((color * alpha + below * (255.0 - alpha)) / 255));
        ASSERT_EQ(mix_over(kBlack | below * 0x010101U, color * 0x010101U, alpha), kBlack | exact * 0x010101U);
      }
}

TEST(FillBox, GivesEachPixelTheTexelUnderItsCentre) {
  const Texture texture = random_texture(37, 23, false);
  std::mt19937 random(1);
  std::uniform_real_distribution<double> place(-40, 90), length(3, 400);
  for (int turn = 0; turn < 200; ++turn) {
    Picture picture{80, 60};
    const Area clip{5, 4, 71, 55};
    const double left = place(random), top = place(random), wide = length(random), tall = length(random);
    fill_box(picture.pixels(), clip, &texture, showing_all(left, top, left + wide, top + tall));
    for (int y = 0; y < 60; ++y)
      for (int x = 0; x < 80; ++x) {
        const double u = (x + 0.5 - left) / wide * 37, v = (y + 0.5 - top) / tall * 23;
        const bool inside = u >= 0 && u < 37 && v >= 0 && v < 23 && x >= clip.left && x < clip.right && y >= clip.top && y < clip.bottom;
        const double edge = std::min({u - std::floor(u), std::ceil(u) - u, v - std::floor(v), std::ceil(v) - v});
        if (edge < 1e-9) continue;   // rounding decides
        const std::uint32_t expected = inside ? texture.colors[static_cast<std::size_t>(static_cast<int>(v) * 37 + static_cast<int>(u))] : kBlack;
        ASSERT_EQ(picture.at(x, y), expected) << x << " " << y << " turn " << turn;
      }
  }
}

TEST(FillBox, MixesByAlphaOfTextureAndColor) {
  const Texture texture = random_texture(16, 16, false, 0);
  Picture picture{16, 16};
  std::fill(picture.colors.begin(), picture.colors.end(), 0xFF204060U);
  const std::uint32_t color = 0x90FF8040U;
  fill_box(picture.pixels(), picture.all(), &texture, showing_all(0, 0, 16, 16, color));
  for (int i = 0; i < 256; ++i) {
    const std::uint32_t texel = texture.colors[static_cast<std::size_t>(i)];
    const double alpha = (texel >> 24U) / 255.0 * (color >> 24U) / 255.0;
    std::uint32_t expected = kBlack;
    for (const unsigned shift : {0U, 8U, 16U}) {
      const double above = (texel >> shift & 0xFFU) * (color >> shift & 0xFFU) / 255.0, below = 0xFF204060U >> shift & 0xFFU;
      expected |= static_cast<std::uint32_t>(std::lround(above * alpha + below * (1 - alpha))) << shift;
    }
    ASSERT_LE(apart(picture.at(i % 16, i / 16), expected), 1) << i;
  }
}

TEST(FillBox, TurnsTextByAQuarter) {
  Texture text{.width = 4, .height = 2, .coverage = {1, 2, 3, 4, 5, 6, 7, 8}};
  for (auto& c : text.coverage) c = static_cast<std::uint8_t>(30 * c);
  // Read upwards: the texture's x goes up the picture, its y to the right.
  const Box box{.left = 1, .top = 1, .right = 3, .bottom = 5, .u = 1, .v = 0, .u_y = -1.0 / 4, .v_x = 1.0 / 2, .color = kWhite};
  Picture picture{4, 6};
  fill_box(picture.pixels(), picture.all(), &text, box);
  for (int y = 0; y < 6; ++y)
    for (int x = 0; x < 4; ++x) {
      const bool inside = x >= 1 && x < 3 && y >= 1 && y < 5;
      const std::uint32_t grey = inside ? text.coverage[static_cast<std::size_t>((x - 1) * 4 + (4 - y))] : 0U;
      ASSERT_EQ(picture.at(x, y), kBlack | grey * 0x010101U) << x << " " << y;
    }
}

TEST(FillBox, MixesNeighboursOfASmoothTexture) {
  const Texture texture = random_texture(9, 7, true);
  Picture picture{100, 80};
  fill_box(picture.pixels(), picture.all(), &texture, showing_all(3.25, -11.5, 97.75, 91));
  const auto texel = [&](int x, int y, unsigned shift) {
    return static_cast<double>(texture.colors[static_cast<std::size_t>(std::clamp(y, 0, 6) * 9 + std::clamp(x, 0, 8))] >> shift & 0xFFU);
  };
  for (int y = 0; y < 80; ++y)
    for (int x = 3; x < 98; ++x) {
      const double u = (x + 0.5 - 3.25) / 94.5 * 9 - 0.5, v = (y + 0.5 + 11.5) / 102.5 * 7 - 0.5;
      const int i = static_cast<int>(std::floor(u)), j = static_cast<int>(std::floor(v));
      for (const unsigned shift : {0U, 8U, 16U}) {
        const double upper = texel(i, j, shift) * (1 - u + i) + texel(i + 1, j, shift) * (u - i);
        const double lower = texel(i, j + 1, shift) * (1 - u + i) + texel(i + 1, j + 1, shift) * (u - i);
        ASSERT_NEAR(picture.at(x, y) >> shift & 0xFFU, upper * (1 - v + j) + lower * (v - j), 2.1) << x << " " << y;
      }
    }
}

/// Places on a grid of quarters, so that centres do fall on edges.
Corner corner_at(std::mt19937& random, int most) { return {.x = static_cast<double>(random() % (4U * most)) / 4, .y = static_cast<double>(random() % (4U * most)) / 4, .color = 0x80FFFFFFU}; }

TEST(FillTriangle, CoversEachPixelOfAMeshOnce) {
  std::mt19937 random(3);
  for (int turn = 0; turn < 300; ++turn) {
    Picture picture{40, 40};
    // Three triangles around a point inside a large one: together the large one.
    const std::array<Corner, 3> large = {corner_at(random, 40), corner_at(random, 40), corner_at(random, 40)};
    const Corner inside{.x = (large[0].x + large[1].x + large[2].x) / 3, .y = (large[0].y + large[1].y + large[2].y) / 3, .color = large[0].color};
    for (std::size_t k = 0; k < 3; ++k) fill_triangle(picture.pixels(), picture.all(), nullptr, {large[k], inside, large[(k + 1) % 3]});
    Picture whole{40, 40};
    fill_triangle(whole.pixels(), whole.all(), nullptr, large);
    ASSERT_EQ(picture.colors, whole.colors) << "turn " << turn;
  }
}

TEST(FillTriangle, CoversThePixelsWhoseCentresAreInside) {
  std::mt19937 random(5);
  for (int turn = 0; turn < 300; ++turn) {
    Picture picture{40, 40};
    const std::array<Corner, 3> c = {corner_at(random, 40), corner_at(random, 40), corner_at(random, 40)};
    fill_triangle(picture.pixels(), picture.all(), nullptr, c);
    const auto side = [&](std::size_t k, double x, double y) {
      const Corner &a = c[k], &b = c[(k + 1) % 3];
      return (b.x - a.x) * (y - a.y) - (b.y - a.y) * (x - a.x);
    };
    for (int y = 0; y < 40; ++y)
      for (int x = 0; x < 40; ++x) {
        const double s[3] = {side(0, x + 0.5, y + 0.5), side(1, x + 0.5, y + 0.5), side(2, x + 0.5, y + 0.5)};
        if (s[0] == 0 || s[1] == 0 || s[2] == 0) continue;   // on an edge: the mesh decides
        const bool inside = (s[0] > 0) == (s[1] > 0) && (s[1] > 0) == (s[2] > 0);
        ASSERT_EQ(picture.at(x, y) != kBlack, inside) << x << " " << y << " turn " << turn;
      }
  }
}

TEST(FillTriangle, ChangesColoursEvenly) {
  Picture picture{64, 64};
  fill_triangle(picture.pixels(), picture.all(), nullptr, {Corner{.x = 0, .y = 0, .color = 0xFF000000U}, {.x = 64, .y = 0, .color = 0xFFFF0000U}, {.x = 0, .y = 64, .color = 0xFF0000FFU}});
  for (int y = 0; y < 63; ++y)
    for (int x = 0; x + y < 63; ++x) {
      const auto red = static_cast<std::uint32_t>(std::lround((x + 0.5) / 64 * 255)), blue = static_cast<std::uint32_t>(std::lround((y + 0.5) / 64 * 255));
      ASSERT_LE(apart(picture.at(x, y), kBlack | red << 16U | blue), 1) << x << " " << y;
    }
}

TEST(Fill, StaysInsideWhateverTheNumbers) {
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN(), kEndless = std::numeric_limits<double>::infinity();
  const Texture texture = random_texture(4, 4, false), smooth = random_texture(4, 4, true);
  const double odd[] = {kNone, kEndless, -kEndless, 1e300, -1e300, 0, 3.5};
  Picture picture{8, 8};
  for (const double a : odd)
    for (const double b : odd)
      for (const double c : odd) {
        for (const Texture* t : {static_cast<const Texture*>(nullptr), &texture, &smooth}) {
          fill_box(picture.pixels(), picture.all(), t, {.left = a, .top = b, .right = c, .bottom = 9, .u = a, .v = c, .u_x = b, .v_y = a, .color = kWhite});
          fill_triangle(picture.pixels(), picture.all(), t, {Corner{a, b, c, a, kWhite}, {c, a, b, b, kBlack}, {b, 4, a, c, 0}});
        }
      }
  SUCCEED();
}

}  // namespace
}  // namespace vitrine::views
