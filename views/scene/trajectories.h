#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "engine/report/report.h"

namespace vitrine::views {

using Point3 = std::array<float, 3>;

/// Token trajectories as a scene draws them.
struct Trajectories {
  int layers = 0, tokens = 0;
  std::vector<Point3> values;  ///< [layer, token] as reported
  std::vector<Point3>
      points;  ///< [layer, token] moved and scaled (alike in all directions) into -1..1
  std::vector<char>
      valid;  ///< [layer, token] all three coordinates finite and the token not hidden
  std::vector<std::string> token_labels, layer_labels;
  std::array<std::string, 3> axis_names;  ///< "PC 1 (31 %)"
  Point3 low{-1, -1, -1}, high{1, 1, 1};  ///< corners of the box around the points

  [[nodiscard]] std::size_t index(int layer, int token) const {
    return static_cast<std::size_t>(layer) * static_cast<std::size_t>(tokens) +
           static_cast<std::size_t>(token);
  }
  [[nodiscard]] bool has(int layer, int token) const {
    return layer >= 0 && token >= 0 && layer < layers && token < tokens &&
           valid[index(layer, token)] != 0;
  }
};

/// @param report  arrays[0] [layer, token, 3]; explained variance from metrics whose name says so,
/// in order (a share
///                or per cent), or from notes "explained_variance" as numbers separated by spaces
///                or commas
/// @param hidden  tokens left out of the picture and of its scale
/// @return        empty (no layers) if the report is null or has another shape
[[nodiscard]] Trajectories read_trajectories(const engine::Report* report,
                                             const std::vector<int>& hidden);

}  // namespace vitrine::views
