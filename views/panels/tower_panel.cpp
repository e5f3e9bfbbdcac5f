#include "views/panels/tower_panel.h"

#include <QComboBox>

#include "views/panels/controls.h"

namespace vitrine::views {

namespace {

/// "text." as a person reads it: "Text".
QString tower_name(QString prefix) {
  if (prefix.endsWith('.')) prefix.chop(1);
  if (prefix.isEmpty()) return QObject::tr("Model");
  prefix[0] = prefix[0].toUpper();
  return prefix;
}

QString ask_for_input(const ModelState& model) {
  if (model.takes_both) return QObject::tr("Give the model an input: drop an image, write captions, or take a sample.");
  if (model.takes_image) return QObject::tr("Give the model an input: drop an image or take a sample.");
  return QObject::tr("Give the model an input: type a text or take a sample.");
}

}  // namespace

QWidget* TowerPanel::make_tower_row() {
  box_ = new QComboBox;
  box_->setAccessibleName(tr("Tower"));
  row_ = labelled(tr("&Tower"), box_);
  connect(box_, &QComboBox::activated, this, [this] {
    Selection selection = host().selection();
    selection.head = {.tower = box_->currentData().toString().toStdString()};
    selection.compare.reset();
    selection.token = selection.key = -1;
    host().select(selection);
  });
  return row_;
}

void TowerPanel::offer_towers() {
  box_->clear();
  if (const ModelState* model = host().model())
    for (const auto& tower : model->towers) {
      const QString prefix = QString::fromStdString(tower.prefix);
      box_->addItem(tower_name(prefix), prefix);
    }
  row_->setVisible(box_->count() > 1);
}

bool TowerPanel::ready(const QString& without_model) {
  const ModelState* model = host().model();
  if (!model || !host().input()) {
    show_empty(model ? ask_for_input(*model) : without_model);
    return false;
  }
  if (const int at = box_->findData(QString::fromStdString(host().selection().head.tower)); at >= 0) box_->setCurrentIndex(at);
  shown_ = box_->currentData().toString().toStdString();
  show_body();
  return true;
}

bool TowerPanel::tower_moved() {
  if (!host().model() || host().selection().head.tower == shown_) return false;
  schedule_refresh();
  return true;
}

}  // namespace vitrine::views
