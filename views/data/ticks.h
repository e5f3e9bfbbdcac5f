#pragma once

#include <string>
#include <vector>

#include "views/data/range.h"

namespace vitrine::views {

struct Tick {
  double value = 0;
  std::string label;
  bool minor = false;  ///< drawn without a label
};

/// Round numbers (1, 2, 2.5 or 5 times a power of ten) inside the range, about `wanted` of them, labelled with equal
/// digits. A logarithmic range gets powers of ten, and 2 and 5 times them where fewer than `wanted` would remain.
[[nodiscard]] std::vector<Tick> ticks(const ValueRange& range, int wanted);

/// Step for whole-number positions so that at most `wanted` of `count` are labelled: 1, 2, 5, 10, ...
[[nodiscard]] int index_step(int count, int wanted);

/// A number as a reader wants it: `digits` significant digits (below 1: as many decimals, but at least two
/// digits that say something), "1.2e-07" outside 1e-4..1e6, "–" for NaN.
[[nodiscard]] std::string format_value(double value, int digits = 4);

/// The same in few characters, for cells: "0.12", ".05" is never used, 1234 -> "1.2k".
[[nodiscard]] std::string format_compact(double value);

/// Bytes, counts, milliseconds and so on with the unit that suits: "1.2 MB", "22,713,216", "3.42 ms".
[[nodiscard]] std::string format_with_unit(double value, const std::string& unit, int digits = 4);

}  // namespace vitrine::views
