#include <algorithm>
#include <vector>

#include "views/canvas/raster.h"

namespace vitrine::views {

namespace {

constexpr std::uint32_t kWhite = 0xFFFFFFFFU;

Area covered(const Box& box, const Area& clip) {
  return {std::max(clip.left, first_centre(box.left)), std::max(clip.top, first_centre(box.top)),
          std::min(clip.right, first_centre(box.right)), std::min(clip.bottom, first_centre(box.bottom))};
}

void mix_span(std::uint32_t* to, int count, std::uint32_t color, std::uint32_t alpha) {
  for (int i = 0; i < count; ++i) to[i] = mix_over(to[i], color, alpha);
}

void fill_plain(const Pixels& onto, const Area& in, std::uint32_t color) {
  const std::uint32_t alpha = color >> 24U;
  for (int y = in.top; y < in.bottom; ++y) {
    std::uint32_t* const to = onto.row(y) + in.left;
    alpha == 255 ? (void)std::fill_n(to, in.right - in.left, color) : mix_span(to, in.right - in.left, color, alpha);
  }
}

int texel(double place, int size) { return static_cast<int>(bounded(place * size, 0, size - 1)); }

/// What a pixel's column and its row each add to the place of its texel.
struct Steps {
  std::vector<std::int32_t> columns, rows;

  Steps(const Texture& texture, const Box& box, const Area& in) {
    const bool upright = box.upright();
    columns.reserve(static_cast<std::size_t>(in.right - in.left));
    rows.reserve(static_cast<std::size_t>(in.bottom - in.top));
    for (int x = in.left; x < in.right; ++x) {
      const double across = x + 0.5 - box.left;
      columns.push_back(upright ? texel(box.u + box.u_x * across, texture.width)
                                : texel(box.v + box.v_x * across, texture.height) * texture.width);
    }
    for (int y = in.top; y < in.bottom; ++y) {
      const double down = y + 0.5 - box.top;
      rows.push_back(upright ? texel(box.v + box.v_y * down, texture.height) * texture.width
                             : texel(box.u + box.u_y * down, texture.width));
    }
  }
};

/// A map's tiles: most of the pixels of most pictures.
void copy_texels(const Pixels& onto, const Area& in, const Texture& texture, const Steps& steps) {
  const std::size_t count = steps.columns.size();
  for (std::size_t j = 0; j < steps.rows.size(); ++j) {
    std::uint32_t* const to = onto.row(in.top + static_cast<int>(j)) + in.left;
    if (j > 0 && steps.rows[j] == steps.rows[j - 1]) {
      std::copy_n(to - onto.stride, count, to);
      continue;
    }
    const std::uint32_t* const from = texture.colors.data() + steps.rows[j];
    for (std::size_t i = 0; i < count; ++i) to[i] = from[steps.columns[i]];
  }
}

void mix_texels(const Pixels& onto, const Area& in, const Texture& texture, const Steps& steps, std::uint32_t color) {
  const bool colored = !texture.colors.empty();
  for (std::size_t j = 0; j < steps.rows.size(); ++j) {
    std::uint32_t* const to = onto.row(in.top + static_cast<int>(j)) + in.left;
    for (std::size_t i = 0; i < steps.columns.size(); ++i) {
      const auto at = static_cast<std::size_t>(steps.rows[j] + steps.columns[i]);
      if (!colored && texture.coverage[at] == 0) continue;
      const std::uint32_t c = modulate(color, colored ? texture.colors[at] : std::uint32_t{texture.coverage[at]} << 24U | 0xFFFFFFU);
      to[i] = mix_over(to[i], c, c >> 24U);
    }
  }
}

/// Between which two texels a pixel lies, and how far from the first (of 256).
struct Between {
  int first = 0, second = 0;
  std::uint32_t part = 0;

  Between(double place, int size) {
    const double at = bounded(place * size - 0.5, 0, size - 1);
    first = static_cast<int>(at);
    second = std::min(first + 1, size - 1);
    part = static_cast<std::uint32_t>(std::lround((at - first) * 256));
  }
};

std::uint32_t mix_part(std::uint32_t a, std::uint32_t b, std::uint32_t part) {
  constexpr std::uint32_t kTwo = 0x00FF00FFU, kHalves = 0x00800080U;
  const std::uint32_t even = ((a & kTwo) * (256 - part) + (b & kTwo) * part + kHalves) >> 8U & kTwo;
  const std::uint32_t odd = ((a >> 8U & kTwo) * (256 - part) + (b >> 8U & kTwo) * part + kHalves) & ~kTwo;
  return even | odd;
}

void fill_smoothly(const Pixels& onto, const Area& in, const Texture& texture, const Box& box) {
  std::vector<Between> columns;
  columns.reserve(static_cast<std::size_t>(in.right - in.left));
  for (int x = in.left; x < in.right; ++x) columns.emplace_back(box.u + box.u_x * (x + 0.5 - box.left), texture.width);
  const auto [from, to] = std::minmax(columns.front().first, columns.back().first);
  const bool plain = texture.opaque && box.color == kWhite;
  std::vector<std::uint32_t> line(static_cast<std::size_t>(texture.width));
  for (int y = in.top; y < in.bottom; ++y) {
    const Between row(box.v + box.v_y * (y + 0.5 - box.top), texture.height);
    const std::uint32_t* const upper = texture.colors.data() + static_cast<std::ptrdiff_t>(row.first) * texture.width;
    const std::uint32_t* const lower = texture.colors.data() + static_cast<std::ptrdiff_t>(row.second) * texture.width;
    for (int i = from; i <= std::min(to + 1, texture.width - 1); ++i)
      line[static_cast<std::size_t>(i)] = mix_part(upper[i], lower[i], row.part);
    std::uint32_t* out = onto.row(y) + in.left;
    for (const Between& column : columns) {
      const std::uint32_t c = mix_part(line[static_cast<std::size_t>(column.first)], line[static_cast<std::size_t>(column.second)], column.part);
      const std::uint32_t colored = plain ? c : modulate(c, box.color);
      *out = plain ? c : mix_over(*out, colored, colored >> 24U);
      ++out;
    }
  }
}

}  // namespace

void fill_box(const Pixels& onto, const Area& clip, const Texture* texture, const Box& box) {
  const Area in = covered(box, clip);
  if (in.empty()) return;
  if (texture == nullptr) return fill_plain(onto, in, box.color);
  if (texture->smooth) return fill_smoothly(onto, in, *texture, box);
  const Steps steps(*texture, box, in);
  if (texture->opaque && box.color == kWhite) return copy_texels(onto, in, *texture, steps);
  mix_texels(onto, in, *texture, steps, box.color);
}

}  // namespace vitrine::views
