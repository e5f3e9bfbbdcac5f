#include "views/panels/tower_box.h"

namespace vitrine::views {

QString tower_name(const std::string& prefix) {
  QString name = QString::fromStdString(prefix);
  if (name.endsWith('.')) name.chop(1);
  if (name.isEmpty()) return QObject::tr("Model");
  name[0] = name[0].toUpper();
  return name;
}

TowerBox::TowerBox(QWidget* parent) : QComboBox(parent) {
  setAccessibleName(tr("Tower"));
  connect(this, &QComboBox::activated, this, [this] { emit chosen(current()); });
}

void TowerBox::set_model(const ModelState* model) {
  const QSignalBlocker quiet(this);
  clear();
  if (!model) return;
  for (const auto& tower : model->towers)
    addItem(tower_name(tower.prefix), QString::fromStdString(tower.prefix));
}

void TowerBox::set_current(const std::string& prefix) {
  const QSignalBlocker quiet(this);
  if (const int i = findData(QString::fromStdString(prefix)); i >= 0) setCurrentIndex(i);
}

std::string TowerBox::current() const { return currentData().toString().toStdString(); }

}  // namespace vitrine::views
