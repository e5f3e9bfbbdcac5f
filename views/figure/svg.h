#pragma once

#include <string>

#include "views/data/display_list.h"

namespace vitrine::views {

struct SvgOptions {
  std::string title, description;  ///< of the document, for readers and screen readers
  int most_cells = 10'000;  ///< figures with more cells embed their matrices as images, and the description says so
};

/// SVG 1.1 with real <text> elements, one <rect class="cell"> a cell of a matrix, physical size in millimetres.
/// Coordinates are written with at most three decimals; things that are not finite are left out.
/// Cost: linear. Needs Qt's PNG writer for images.
[[nodiscard]] std::string to_svg(const DisplayList& list, const SvgOptions& options = {});

}  // namespace vitrine::views
