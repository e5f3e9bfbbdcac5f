#pragma once

#include <cstdint>
#include <filesystem>

#include "engine/core/error.h"

namespace vitrine::test {

/// A vision transformer whose patches are single pixels: side * side + 1 tokens, maps too large to hold.
struct PixelModel {
  std::int64_t side = 0, d_model = 32, heads = 2, layers = 2;
};

/// Writes configuration, random weights (the same each time; queries and keys large enough that heads have favourites)
/// and `picture.png`, shapes on a slope.
[[nodiscard]] engine::Status write_pixel_model(const std::filesystem::path& folder, const PixelModel& model);

}  // namespace vitrine::test
