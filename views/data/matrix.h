#pragma once

#include <vector>

#include "views/data/sheet.h"

namespace vitrine::views {

/// One matrix to draw; `values` is row-major [rows, cols], NaN where nothing is shown.
struct Cells {
  const engine::Array* array = nullptr;
  int index = 0;  ///< which of the report's arrays
  int rows = 0, cols = 0;
  std::vector<float> values;
};

/// `array` is usable with two axes. `hide_first` blanks column 0.
[[nodiscard]] Cells cells_of(const engine::Array& array, int index, bool hide_first);

/// Colours of the cells, pooled to at most `most_w` x `most_h`; the box is left to the caller.
[[nodiscard]] CellsItem make_cells(const Cells& cells, const ValueRange& range, const ColorMap& map, Color missing,
                                   int most_w, int most_h);

}  // namespace vitrine::views
