#pragma once

#include <string>

#include <QComboBox>

#include "views/panels/host.h"

namespace vitrine::views {

/// Chooses one of the towers of a model ("text", "vision", "encoder", ...).
class TowerBox : public QComboBox {
  Q_OBJECT
 public:
  explicit TowerBox(QWidget* parent = nullptr);
  void set_model(const ModelState* model);
  void set_current(const std::string& prefix);   ///< without `chosen`; passes over a tower that is none
  [[nodiscard]] std::string current() const;
  [[nodiscard]] bool several() const { return count() > 1; }

 signals:
  void chosen(const std::string& prefix);
};

/// "text." as a person reads it: "Text".
[[nodiscard]] QString tower_name(const std::string& prefix);

}  // namespace vitrine::views
