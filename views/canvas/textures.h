#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

namespace vitrine::views {

/// A picture that draw lists refer to: colours, or coverage that takes the colour of the vertices (text).
struct Texture {
  int width = 0, height = 0;
  bool smooth = false;   ///< enlarged, neighbours are mixed
  bool opaque = false;   ///< every colour has alpha 255
  std::vector<std::uint32_t> colors;    ///< row-major, 0xAARRGGBB; empty: coverage
  std::vector<std::uint8_t> coverage;   ///< row-major, 0 to 255
};

/// The pictures of one canvas, by name. Names are not used twice; 0 is none.
class Textures {
 public:
  /// @param rgba  width * height, row-major, 0xAABBGGRR
  [[nodiscard]] unsigned add(int width, int height, const std::uint32_t* rgba, bool smooth);
  /// Nothing is covered yet.
  [[nodiscard]] unsigned add_coverage(int width, int height);
  /// Replaces the part at (x, y); it has to lie inside. @param stride  bytes from row to row of `from`
  void put_coverage(unsigned name, int x, int y, int width, int height, const std::uint8_t* from, std::ptrdiff_t stride);
  void drop(unsigned name) { all_.erase(name); }
  /// Null for one that is not there (any more).
  [[nodiscard]] const Texture* find(unsigned name) const;

 private:
  std::unordered_map<unsigned, Texture> all_;
  unsigned next_ = 1;
};

/// 0xAABBGGRR to 0xAARRGGBB and back.
[[nodiscard]] constexpr std::uint32_t swap_red_and_blue(std::uint32_t c) {
  return (c & 0xFF00FF00U) | (c & 0xFFU) << 16U | (c >> 16U & 0xFFU);
}

}  // namespace vitrine::views
