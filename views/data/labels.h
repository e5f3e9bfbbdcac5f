#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "views/data/display_list.h"

namespace vitrine::views {

/// A token or name as a label: outer spaces dropped, line breaks and tabs shown as signs, a blank token as "␣".
/// Never empty; control characters become "·".
[[nodiscard]] std::string visible_text(std::string_view utf8);

/// Cuts at whole characters with "…" until the run is no wider than `width`. Cost: O(log length) measurements.
[[nodiscard]] std::string elide(std::string_view utf8, double width, const Font& font, const MeasureText& measure);

/// Breaks at spaces (inside a word only where it must) into lines no wider than `width`; at most `max_lines`, the last
/// elided.
[[nodiscard]] std::vector<std::string> wrap(std::string_view utf8, double width, const Font& font,
                                            const MeasureText& measure, int max_lines);

/// Every how many-th label to draw when positions are `pitch` apart and one label takes `size` along the axis.
[[nodiscard]] int label_step(int count, double pitch, double size);

/// Chooses labels that don't overlap, earlier ones first. @return one flag a box
[[nodiscard]] std::vector<bool> keep_apart(const std::vector<Box>& boxes);

}  // namespace vitrine::views
