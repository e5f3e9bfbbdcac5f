#include <algorithm>
#include <utility>

#include "views/canvas/raster.h"

namespace vitrine::views {

namespace {

using Corners = std::array<Corner, 3>;

/// A value that changes evenly over the triangle.
struct Plane {
  double value = 0, x = 0, y = 0;   ///< at the picture's origin, and a pixel
  [[nodiscard]] double at(double px, double py) const { return value + x * px + y * py; }
};

/// Twice the area, signed.
double area_of(const Corners& c) { return (c[1].x - c[0].x) * (c[2].y - c[0].y) - (c[2].x - c[0].x) * (c[1].y - c[0].y); }

template <class Value>
Plane plane_of(const Corners& c, double area, Value value) {
  const double first = value(c[0]), along = value(c[1]) - first, across = value(c[2]) - first;
  Plane out;
  out.x = (along * (c[2].y - c[0].y) - across * (c[1].y - c[0].y)) / area;
  out.y = (across * (c[1].x - c[0].x) - along * (c[2].x - c[0].x)) / area;
  out.value = first - out.x * c[0].x - out.y * c[0].y;
  return out;
}

/// The colour that `channel` of the four has; the centre of a pixel at the edge may lie a little outside.
std::uint32_t channel(const Plane& plane, double x, double y) {
  return static_cast<std::uint32_t>(bounded(plane.at(x, y) + 0.5, 0, 255));
}

std::uint32_t texel_at(const Texture& texture, int x, int y) {
  const auto at = static_cast<std::size_t>(std::clamp(y, 0, texture.height - 1)) * static_cast<std::size_t>(texture.width) +
                  static_cast<std::size_t>(std::clamp(x, 0, texture.width - 1));
  return texture.colors.empty() ? std::uint32_t{texture.coverage[at]} << 24U | 0xFFFFFFU : texture.colors[at];
}

std::uint32_t sample(const Texture& texture, double u, double v) {
  const double x = bounded(u, 0, 1) * texture.width, y = bounded(v, 0, 1) * texture.height;
  if (!texture.smooth) return texel_at(texture, static_cast<int>(x), static_cast<int>(y));
  const double left = std::floor(x - 0.5), top = std::floor(y - 0.5);
  const double across = x - 0.5 - left, down = y - 0.5 - top;
  const int i = static_cast<int>(left), j = static_cast<int>(top);
  const std::uint32_t four[4] = {texel_at(texture, i, j), texel_at(texture, i + 1, j), texel_at(texture, i, j + 1), texel_at(texture, i + 1, j + 1)};
  const double parts[4] = {(1 - across) * (1 - down), across * (1 - down), (1 - across) * down, across * down};
  std::uint32_t out = 0;
  for (const unsigned shift : {0U, 8U, 16U, 24U}) {
    double mixed = 0.5;
    for (int k = 0; k < 4; ++k) mixed += parts[k] * (four[k] >> shift & 0xFFU);
    out |= static_cast<std::uint32_t>(mixed) << shift;
  }
  return out;
}

/// The colour at the centre of a pixel.
class Shade {
 public:
  Shade(const Corners& c, double area, const Texture* texture) : texture_(texture), color_(c[0].color) {
    const std::uint32_t apart = (c[0].color ^ c[1].color) | (c[0].color ^ c[2].color);
    one_color_ = apart == 0;
    one_hue_ = (apart & 0xFFFFFFU) == 0;
    for (unsigned i = 0; i < 4; ++i)
      channels_[i] = plane_of(c, area, [i](const Corner& k) { return static_cast<double>(k.color >> (8 * i) & 0xFFU); });
    if (texture_ == nullptr) return;
    u_ = plane_of(c, area, [](const Corner& k) { return k.u; });
    v_ = plane_of(c, area, [](const Corner& k) { return k.v; });
  }

  [[nodiscard]] bool flat() const { return one_color_ && texture_ == nullptr; }
  [[nodiscard]] std::uint32_t at(double x, double y) const {
    std::uint32_t c = color_;
    if (!one_color_) c = (c & 0xFFFFFFU) | channel(channels_[3], x, y) << 24U;
    if (!one_hue_) c = (c & 0xFF000000U) | channel(channels_[2], x, y) << 16U | channel(channels_[1], x, y) << 8U | channel(channels_[0], x, y);
    return texture_ == nullptr ? c : modulate(c, sample(*texture_, u_.at(x, y), v_.at(x, y)));
  }

 private:
  const Texture* texture_;
  std::uint32_t color_;
  bool one_color_ = false, one_hue_ = false;
  Plane channels_[4], u_, v_;
};

/// Where the edge crosses the middle of a row; of an edge that two triangles share, the same for both.
double crossing(const Corner& upper, const Corner& lower, double y) {
  return upper.x + (lower.x - upper.x) * ((y - upper.y) / (lower.y - upper.y));
}

}  // namespace

void fill_triangle(const Pixels& onto, const Area& clip, const Texture* texture, Corners corners) {
  const double area = area_of(corners);
  if (!(std::abs(area) > 1e-9)) return;   // also of NaN
  const Shade shade(corners, area, texture);
  std::sort(corners.begin(), corners.end(), [](const Corner& a, const Corner& b) { return std::pair(a.y, a.x) < std::pair(b.y, b.x); });
  const auto& [upper, middle, lower] = corners;
  const int top = std::max(clip.top, first_centre(upper.y)), bottom = std::min(clip.bottom, first_centre(lower.y));
  for (int y = top; y < bottom; ++y) {
    const double centre = y + 0.5;
    const double one = crossing(upper, lower, centre);
    const double two = centre < middle.y ? crossing(upper, middle, centre) : crossing(middle, lower, centre);
    const int left = std::max(clip.left, first_centre(std::min(one, two))), right = std::min(clip.right, first_centre(std::max(one, two)));
    std::uint32_t* const row = onto.row(y);
    const std::uint32_t flat = shade.flat() ? shade.at(0, 0) : 0;
    for (int x = left; x < right; ++x) {
      const std::uint32_t c = shade.flat() ? flat : shade.at(x + 0.5, centre);
      row[x] = mix_over(row[x], c, c >> 24U);
    }
  }
}

}  // namespace vitrine::views
