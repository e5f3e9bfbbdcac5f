#include "views/canvas/textures.h"

#include <algorithm>
#include <utility>

namespace vitrine::views {

unsigned Textures::add(int width, int height, const std::uint32_t* rgba, bool smooth) {
  const auto size = static_cast<std::size_t>(width) * static_cast<std::size_t>(height);
  Texture made{.width = width, .height = height, .smooth = smooth, .colors = std::vector<std::uint32_t>(size)};
  std::uint32_t common = 0xFFFFFFFFU;
  for (std::size_t i = 0; i < size; ++i) {
    made.colors[i] = swap_red_and_blue(rgba[i]);
    common &= rgba[i];
  }
  made.opaque = common >> 24U == 255;
  all_.emplace(next_, std::move(made));
  return next_++;
}

unsigned Textures::add_coverage(int width, int height) {
  const auto size = static_cast<std::size_t>(width) * static_cast<std::size_t>(height);
  all_.emplace(next_, Texture{.width = width, .height = height, .coverage = std::vector<std::uint8_t>(size)});
  return next_++;
}

void Textures::put_coverage(unsigned name, int x, int y, int width, int height, const std::uint8_t* from, std::ptrdiff_t stride) {
  const auto it = all_.find(name);
  if (it == all_.end()) return;
  Texture& to = it->second;
  for (int row = 0; row < height; ++row)
    std::copy_n(from + row * stride, width, to.coverage.begin() + static_cast<std::ptrdiff_t>(y + row) * to.width + x);
}

const Texture* Textures::find(unsigned name) const {
  const auto it = all_.find(name);
  return it == all_.end() ? nullptr : &it->second;
}

}  // namespace vitrine::views
