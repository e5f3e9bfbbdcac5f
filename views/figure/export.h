#pragma once

#include <string>

#include "engine/core/error.h"
#include "engine/report/report.h"
#include "views/data/layout.h"

namespace vitrine::views {

struct ExportOptions {
  double width_mm = 180;        ///< 20 to 2000; 85 is one journal column, 180 two
  double height_mm = 0;         ///< 0: as the content needs
  double dpi = 300;             ///< PNG only, 36 to 2400
  std::string theme = "light";  ///< "light" or "dark"
  FigureOptions figure;         ///< width and height are set from the millimetres
};

/// Writes the figure of a report; the format follows the ending (svg, pdf, png). The same geometry as on the screen,
/// with the sizes of the theme's print medium. SVG and PDF hold real text; PDF embeds its fonts. The file appears
/// whole or not at all. Needs a QGuiApplication (the offscreen platform is enough). Thread: any.
/// @error Usage (ending, theme, width, resolution), DoesNotFit (a picture of more than 400 megapixels), FileMissing
/// (cannot be written)
[[nodiscard]] engine::Status export_figure(const engine::Report& report, const ExportOptions& options,
                                           const std::string& path);

/// What `export_figure` would draw.
[[nodiscard]] DisplayList export_layout(const engine::Report& report, const ExportOptions& options);

/// Writes `bytes` to `path` whole or not at all.
[[nodiscard]] engine::Status write_atomically(const std::string& path, const char* bytes, std::size_t size);

}  // namespace vitrine::views
