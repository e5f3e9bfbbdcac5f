#pragma once

#include <string>

#include "views/panels/frame.h"

class QComboBox;

namespace vitrine::views {

/// A panel about one tower of the model on one input: it offers the towers where there are several, follows the tower
/// that is selected, and says what is missing while there is no model or no input.
class TowerPanel : public FramedPanel {
 protected:
  using FramedPanel::FramedPanel;
  /// The box with its label, for the control bar; call it once.
  [[nodiscard]] QWidget* make_tower_row();
  /// To be called from `model_opened`.
  void offer_towers();
  /// False: the empty state shows. True: the body shows, and `tower` is the one that is selected.
  [[nodiscard]] bool ready(const QString& without_model);
  /// The selection went to another tower: a refresh is on its way.
  [[nodiscard]] bool tower_moved();
  [[nodiscard]] const std::string& tower() const { return shown_; }

 private:
  QComboBox* box_ = nullptr;
  QWidget* row_ = nullptr;
  std::string shown_;
};

}  // namespace vitrine::views
