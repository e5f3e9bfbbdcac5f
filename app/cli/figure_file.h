#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "engine/core/error.h"
#include "engine/report/report.h"

namespace vitrine::app {

struct FigureRequest {
  double width_mm = 180;
  std::string theme = "light";
  std::vector<std::string> settings;   ///< `k=v`: picture, color_map, range, lo, hi, hide_first, array, ...
};

/// Names of the settings that `write_figure` takes; empty in a build without the window.
[[nodiscard]] std::vector<std::string> figure_settings();

/// Writes the figure of a report as .svg, .pdf or .png.
/// @error Unsupported in a build without the window; Usage for a setting or an ending; FileMissing
[[nodiscard]] engine::Status write_figure(const engine::Report& report, const FigureRequest& request,
                                          const std::filesystem::path& path);

/// Whether this build can draw.
[[nodiscard]] bool can_draw();

}  // namespace vitrine::app
