#pragma once

#include <string>

#include <QStringList>

#include "engine/report/report.h"
#include "views/canvas/canvas_theme.h"
#include "views/canvas/color_scale.h"
#include "views/data/layout.h"

class QWidget;

namespace vitrine::views {

/// The window's colours and font, for a canvas or a scene.
[[nodiscard]] CanvasTheme canvas_theme(const QWidget& widget);
/// A colour map by name, as the canvases take it.
[[nodiscard]] ColorTable color_table(const std::string& name);
/// Names of the sequential maps.
[[nodiscard]] QStringList sequential_maps();
/// The map that is used where a panel has none of its own; the settings page sets it. One for the program.
[[nodiscard]] const std::string& default_color_map();
void set_default_color_map(const std::string& name);
/// Some value of the first array is below zero: such a map is drawn around zero, in two hues.
[[nodiscard]] bool is_signed(const engine::Report& report);
/// The map in two hues that ends in the window's background.
[[nodiscard]] ColorTable diverging_table(const QWidget& widget);
/// A figure inside a panel: the panel itself carries title, metrics and how the numbers were checked.
[[nodiscard]] FigureOptions panel_figure();

/// "query 'cat' → key 'the': 0.1234, rank 2 of 14" for arrays[0] [query, key]; empty outside of it.
[[nodiscard]] QString pair_text(const engine::Report& report, int query, int key);
/// "'cat' looks most at 'the' (0.41), 'a' (0.22)".
[[nodiscard]] QString row_text(const engine::Report& report, int query);

}  // namespace vitrine::views
