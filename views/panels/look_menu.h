#pragma once

#include <QToolButton>

#include "views/panels/attention_view.h"

class QCheckBox;
class QComboBox;
class QDoubleSpinBox;

namespace vitrine::views {

class Segmented;

/// "Display": colour map, range, logarithm, hidden first token, in a small form under one button.
class LookMenu : public QToolButton {
  Q_OBJECT
 public:
  explicit LookMenu(QWidget* parent = nullptr);
  void set_look(const AttentionLook& look);   ///< without `changed`
  [[nodiscard]] AttentionLook look() const;

 signals:
  void changed(const nlohmann::json& settings);   ///< only the key that changed

 private:
  void tell(const char* key, const nlohmann::json& value);
  QComboBox* map_ = nullptr;
  Segmented* range_ = nullptr;
  QDoubleSpinBox *lo_ = nullptr, *hi_ = nullptr;
  QCheckBox *log_ = nullptr, *hide_first_ = nullptr;
  bool filling_ = false;
};

[[nodiscard]] AttentionLook look_from(const nlohmann::json& settings);

}  // namespace vitrine::views
