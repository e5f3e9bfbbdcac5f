#include "views/panels/look_menu.h"

#include <QCheckBox>
#include <QComboBox>
#include <QDoubleSpinBox>
#include <QFormLayout>
#include <QHBoxLayout>
#include <QLabel>
#include <QMenu>
#include <QWidgetAction>

#include "views/panels/controls.h"
#include "views/panels/form.h"
#include "views/panels/looks.h"
#include "views/panels/style.h"

namespace vitrine::views {

namespace {

QDoubleSpinBox* range_end(const QString& name) {
  auto* box = new QDoubleSpinBox;
  box->setObjectName(name);
  box->setDecimals(4);
  box->setRange(-1e6, 1e6);
  box->setSingleStep(0.05);
  box->setKeyboardTracking(false);
  box->setFixedWidth(88);
  return box;
}

}  // namespace

LookMenu::LookMenu(QWidget* parent) : QToolButton(parent) {
  setText(tr("Dis&play"));
  setObjectName("display");
  setProperty("drops", true);
  setFixedHeight(kRow);
  setToolTip(tr("Colour map, range and scale"));
  setPopupMode(QToolButton::InstantPopup);
  auto* menu = new QMenu(this);
  auto* page = new QWidget;
  auto* rows = new QFormLayout(page);
  rows->setContentsMargins(kGrid, kGrid, kGrid, kGrid);
  rows->setSpacing(kGrid);
  map_ = new QComboBox;
  map_->setObjectName("color_map");
  for (const QString& name : sequential_maps()) map_->addItem(spoken(name.toStdString()), name);
  range_ = new Segmented({tr("Automatic"), tr("By hand")});
  range_->setObjectName("range");
  lo_ = range_end("range_lo");
  hi_ = range_end("range_hi");
  auto* ends = new QWidget;
  auto* pair = new QHBoxLayout(ends);
  pair->setContentsMargins(0, 0, 0, 0);
  pair->addWidget(lo_);
  pair->addWidget(new QLabel(tr("to")));
  pair->addWidget(hi_);
  log_ = new QCheckBox(tr("Logarithmic"));
  log_->setObjectName("log");
  hide_first_ = new QCheckBox(tr("Hide first token"));
  hide_first_->setObjectName("hide_first");
  hide_first_->setToolTip(tr("Blanks the first key, where attention that has nothing to do often goes"));
  rows->addRow(tr("Colours"), map_);
  rows->addRow(tr("Range"), range_);
  rows->addRow(QString(), ends);
  rows->addRow(QString(), log_);
  rows->addRow(QString(), hide_first_);
  auto* action = new QWidgetAction(menu);
  action->setDefaultWidget(page);
  menu->addAction(action);
  setMenu(menu);
  connect(map_, &QComboBox::currentIndexChanged, this, [this] { tell("map", map_->currentData().toString().toStdString()); });
  connect(range_, &Segmented::chosen, this, [this](int i) { tell("manual", i == 1); });
  connect(lo_, &QDoubleSpinBox::valueChanged, this, [this](double value) { tell("lo", value); });
  connect(hi_, &QDoubleSpinBox::valueChanged, this, [this](double value) { tell("hi", value); });
  connect(log_, &QCheckBox::toggled, this, [this](bool on) { tell("log", on); });
  connect(hide_first_, &QCheckBox::toggled, this, [this](bool on) { tell("hide_first", on); });
  set_look({});
}

void LookMenu::tell(const char* key, const nlohmann::json& value) {
  lo_->setEnabled(range_->current() == 1);
  hi_->setEnabled(range_->current() == 1);
  if (!filling_) emit changed({{key, value}});
}

void LookMenu::set_look(const AttentionLook& look) {
  filling_ = true;
  if (const int i = map_->findData(QString::fromStdString(look.map)); i >= 0) map_->setCurrentIndex(i);
  range_->set_current(look.manual ? 1 : 0);
  lo_->setValue(look.lo);
  hi_->setValue(look.hi);
  lo_->setEnabled(look.manual);
  hi_->setEnabled(look.manual);
  log_->setChecked(look.log);
  hide_first_->setChecked(look.hide_first);
  filling_ = false;
}

AttentionLook LookMenu::look() const {
  return {map_->currentData().toString().toStdString(), range_->current() == 1, lo_->value(), hi_->value(),
          log_->isChecked(), hide_first_->isChecked()};
}

AttentionLook look_from(const nlohmann::json& settings) {
  AttentionLook look;
  if (!settings.is_object()) return look;
  const auto flag = [&](const char* key) {
    const auto found = settings.find(key);
    return found != settings.end() && found->is_boolean() && found->get<bool>();
  };
  const auto number = [&](const char* key, double fallback) {
    const auto found = settings.find(key);
    return found != settings.end() && found->is_number() ? found->get<double>() : fallback;
  };
  if (const auto map = settings.find("map"); map != settings.end() && map->is_string()) look.map = map->get<std::string>();
  look.manual = flag("manual");
  look.lo = number("lo", 0);
  look.hi = number("hi", 1);
  look.log = flag("log");
  look.hide_first = flag("hide_first");
  return look;
}

}  // namespace vitrine::views
