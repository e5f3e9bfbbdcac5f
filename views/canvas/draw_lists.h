#pragma once

#include <imgui.h>

#include "views/canvas/raster.h"

namespace vitrine::views {

/// Draws a finished frame of Dear ImGui. Texture names are those of `textures`, 0 for colours alone; what has a texture
/// that is gone is left out. Callbacks are not called.
void draw_lists(const ImDrawData& frame, const Textures& textures, const Pixels& onto);

}  // namespace vitrine::views
