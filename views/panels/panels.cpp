#include "views/panels/panels.h"

namespace vitrine::views {

std::vector<std::unique_ptr<Panel>> make_panels(Host& host) {
  using Factory = std::unique_ptr<Panel> (*)(Host&);
  constexpr Factory kFactories[] = {
      make_input_panel,    make_heads_panel,      make_attention_panel, make_importance_panel, make_pruning_panel,
      make_codebook_panel, make_trajectory_panel, make_analyses_panel,  make_card_panel,
      make_tensors_panel,  make_diff_panel,
  };
  std::vector<std::unique_ptr<Panel>> panels;
  for (Factory make : kFactories) panels.push_back(make(host));
  return panels;
}

}  // namespace vitrine::views
