#pragma once

#include <QString>

#include "engine/core/error.h"
#include "engine/report/report.h"
#include "views/data/layout.h"

namespace vitrine::views {

/// Writes the figure of a report, with its notes; `path` ends in svg, pdf or png. @error Usage for another ending; FileMissing
[[nodiscard]] engine::Status write_figure(const engine::Report& report, const FigureOptions& figure, const QString& path);
/// Writes the numbers of a report; `path` ends in csv (first table, or arrays[0] in long form) or npy (arrays[0]).
[[nodiscard]] engine::Status write_data(const engine::Report& report, const QString& path);

}  // namespace vitrine::views
