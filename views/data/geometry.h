#pragma once

#include <algorithm>

namespace vitrine::views {

/// Lengths are CSS pixels (1/96 inch), x to the right, y downwards.
struct Point {
  double x = 0, y = 0;
};

struct Box {
  double x = 0, y = 0, w = 0, h = 0;
  [[nodiscard]] double right() const { return x + w; }
  [[nodiscard]] double bottom() const { return y + h; }
  [[nodiscard]] Point center() const { return {x + w / 2, y + h / 2}; }
  [[nodiscard]] bool contains(double px, double py) const {
    return px >= x && px < right() && py >= y && py < bottom();
  }
  [[nodiscard]] Box inset(double by) const {
    return {x + by, y + by, std::max(0.0, w - 2 * by), std::max(0.0, h - 2 * by)};
  }
};

/// The part of the plotted data in view, as fractions of its whole extent. Zooming changes it.
struct Viewport {
  double x0 = 0, x1 = 1, y0 = 0, y1 = 1;
  [[nodiscard]] bool whole() const { return x0 <= 0 && y0 <= 0 && x1 >= 1 && y1 >= 1; }
};

}  // namespace vitrine::views
