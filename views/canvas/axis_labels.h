#pragma once

#include <cstdint>
#include <vector>

namespace vitrine::views {

/// Smallest of 1, 2, 5, 10, 20, 50, ... that leaves at least `min_gap` pixels between neighbours
/// `step` pixels apart.
[[nodiscard]] std::int64_t label_stride(double step, double min_gap);

/// Which positions of an axis get a label, so that no two overlap.
///
/// @param first, last  visible positions, inclusive
/// @param step         pixels from one position to the next
/// @param min_gap      pixels that a label needs
/// @param keep         positions that must have one (hovered, selected): others give way, and of
/// two that collide
///                     the earlier in the list stays
/// @return             sorted positions
[[nodiscard]] std::vector<std::int64_t> place_labels(std::int64_t first, std::int64_t last,
                                                     double step, double min_gap,
                                                     const std::vector<std::int64_t>& keep = {});

}  // namespace vitrine::views
