#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "engine/core/error.h"

namespace vitrine::views {

/// 8-bit sRGB with straight alpha; the byte order is that of an RGBA8 image.
struct Color {
  std::uint8_t r = 0, g = 0, b = 0, a = 255;
  friend bool operator==(const Color&, const Color&) = default;
};
inline constexpr Color kTransparent{0, 0, 0, 0};

/// Perceptual coordinates: L in [0, 1], a and b about [-0.4, 0.4].
/// @source Ottosson 2020, "A perceptual color space for image processing" (OKLab)
struct Lab {
  double L = 0, a = 0, b = 0;
};

[[nodiscard]] Lab to_oklab(Color color);
[[nodiscard]] Color from_oklab(Lab lab);  ///< clipped to sRGB, opaque

/// "#rrggbb" or "#rrggbbaa".
[[nodiscard]] engine::Result<Color> parse_color(std::string_view text);
[[nodiscard]] std::string hex(Color color);  ///< "#rrggbb"; alpha is left out

[[nodiscard]] Color with_alpha(Color color, double alpha);
/// `over` laid on the opaque `under`.
[[nodiscard]] Color blend(Color under, Color over);
/// Straight line in OKLab; u in [0, 1].
[[nodiscard]] Color mix(Color from, Color to, double u);

/// 1 to 21. @source WCAG 2.2, relative luminance
[[nodiscard]] double contrast_ratio(Color x, Color y);
/// Near-black or white, whichever reads better on `background`.
[[nodiscard]] Color readable_on(Color background);

}  // namespace vitrine::views
