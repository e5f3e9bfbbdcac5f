#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "views/canvas/textures.h"

namespace vitrine::views {

/// A picture to draw on: opaque, 0xFFRRGGBB, rows from the top.
struct Pixels {
  std::uint32_t* data = nullptr;
  int width = 0, height = 0;
  std::ptrdiff_t stride = 0;   ///< pixels from row to row
  [[nodiscard]] std::uint32_t* row(int y) const { return data + y * stride; }
};

/// Pixels from (left, top) up to, without, (right, bottom).
struct Area {
  int left = 0, top = 0, right = 0, bottom = 0;
  [[nodiscard]] bool empty() const { return left >= right || top >= bottom; }
};

/// A corner of a triangle: where on the picture, where in the texture (0 to 1), 0xAARRGGBB.
struct Corner {
  double x = 0, y = 0, u = 0, v = 0;
  std::uint32_t color = 0;
};

/// A rectangle along the axes in one colour, with a texture that may be turned by quarters: either u changes with x
/// and v with y, or the other way round.
struct Box {
  double left = 0, top = 0, right = 0, bottom = 0;
  double u = 0, v = 0;   ///< at the left top corner
  double u_x = 0, u_y = 0, v_x = 0, v_y = 0;   ///< a pixel
  std::uint32_t color = 0;
  [[nodiscard]] bool upright() const { return u_y == 0 && v_x == 0; }
};

/// Shapes are filled as OpenGL does it: a pixel belongs to a shape if its centre does, one on the edge of two shapes to
/// one of them; the texture's colour times the corners' is mixed over what is there by its alpha. `texture` null: the
/// corners' colours alone. `clip` has to lie in the picture. One thread; a few nanoseconds a pixel, of a box with an
/// opaque texture less than one.
///
/// A smooth texture has to be upright in a box.
void fill_box(const Pixels& onto, const Area& clip, const Texture* texture, const Box& box);
void fill_triangle(const Pixels& onto, const Area& clip, const Texture* texture, std::array<Corner, 3> corners);

/// `value` kept between the two; `least` of what is no number.
[[nodiscard]] constexpr double bounded(double value, double least, double most) {
  return value > least ? (value < most ? value : most) : least;
}

/// The first pixel whose centre is not left of (or above) `edge`.
[[nodiscard]] inline int first_centre(double edge) { return static_cast<int>(std::ceil(bounded(edge, -1e9, 1e9) - 0.5)); }

/// Two colours channel by channel, 255 being one.
[[nodiscard]] constexpr std::uint32_t modulate(std::uint32_t a, std::uint32_t b) {
  std::uint32_t out = 0;
  for (const unsigned shift : {0U, 8U, 16U, 24U}) {
    const std::uint32_t product = (a >> shift & 0xFFU) * (b >> shift & 0xFFU) + 128;
    out |= ((product + (product >> 8U)) >> 8U) << shift;
  }
  return out;
}

/// `color` by `alpha` (0 to 255) over an opaque one, rounded to nearest.
[[nodiscard]] constexpr std::uint32_t mix_over(std::uint32_t below, std::uint32_t color, std::uint32_t alpha) {
  constexpr std::uint32_t kTwo = 0x00FF00FFU, kHalves = 0x00800080U;
  std::uint32_t rb = (color & kTwo) * alpha + (below & kTwo) * (255 - alpha) + kHalves;
  rb = (rb + (rb >> 8U & kTwo)) >> 8U & kTwo;
  std::uint32_t g = (color >> 8U & 0xFFU) * alpha + (below >> 8U & 0xFFU) * (255 - alpha) + 128;
  g = (g + (g >> 8U)) >> 8U;
  return 0xFF000000U | rb | g << 8U;
}

}  // namespace vitrine::views
