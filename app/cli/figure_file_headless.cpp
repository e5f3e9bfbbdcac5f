#include "app/cli/figure_file.h"

namespace vitrine::app {

std::vector<std::string> figure_settings() { return {}; }

bool can_draw() { return false; }

engine::Status write_figure(const engine::Report&, const FigureRequest&, const std::filesystem::path&) {
  return engine::fail(engine::ErrorCode::Unsupported, "expected a build with the window to draw a figure, came one without");
}

}  // namespace vitrine::app
