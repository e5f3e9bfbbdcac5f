#pragma once

#include <string>
#include <string_view>

namespace vitrine::views {

/// A token as one line of text: surrounding spaces removed, line breaks, tabs and a lone space made visible.
[[nodiscard]] std::string label_text(std::string_view token);

/// A value with four decimals, or scientific where that would hide it; "not computed" for NaN.
[[nodiscard]] std::string value_text(double value);

/// A value short enough for a cell: ".12", "0", "1", "3.4e-5"; never more than about six characters.
[[nodiscard]] std::string cell_text(double value);

}  // namespace vitrine::views
