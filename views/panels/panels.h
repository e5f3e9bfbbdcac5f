#pragma once

#include <memory>
#include <vector>

#include "views/panels/panel.h"

namespace vitrine::views {

/// All panels of the window, in the order of the view menu.
[[nodiscard]] std::vector<std::unique_ptr<Panel>> make_panels(Host& host);

[[nodiscard]] std::unique_ptr<Panel> make_input_panel(Host& host);
[[nodiscard]] std::unique_ptr<Panel> make_heads_panel(Host& host);
[[nodiscard]] std::unique_ptr<Panel> make_attention_panel(Host& host);
[[nodiscard]] std::unique_ptr<Panel> make_importance_panel(Host& host);
[[nodiscard]] std::unique_ptr<Panel> make_pruning_panel(Host& host);
[[nodiscard]] std::unique_ptr<Panel> make_codebook_panel(Host& host);
[[nodiscard]] std::unique_ptr<Panel> make_trajectory_panel(Host& host);
[[nodiscard]] std::unique_ptr<Panel> make_analyses_panel(Host& host);
[[nodiscard]] std::unique_ptr<Panel> make_card_panel(Host& host);
[[nodiscard]] std::unique_ptr<Panel> make_tensors_panel(Host& host);
[[nodiscard]] std::unique_ptr<Panel> make_diff_panel(Host& host);

}  // namespace vitrine::views
