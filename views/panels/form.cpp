#include "views/panels/form.h"

#include <limits>

#include <QCheckBox>
#include <QComboBox>
#include <QDoubleSpinBox>
#include <QFormLayout>
#include <QLabel>
#include <QLineEdit>
#include <QSpinBox>

#include "views/panels/style.h"

namespace vitrine::views {

using engine::ParamInfo;

QString spoken(const std::string& name) {
  QString text = QString::fromStdString(name).replace('_', ' ');
  if (!text.isEmpty()) text[0] = text[0].toUpper();
  return text;
}

namespace {

const ParamInfo* find_param(const Host& host, const std::string& analysis, const std::string& param) {
  const auto* found = host.analyses().find(analysis);
  if (!found || !*found) return nullptr;
  for (const ParamInfo& info : (*found)->info().params)
    if (info.name == param) return &info;
  return nullptr;
}

}  // namespace

std::vector<std::string> choices_of(const Host& host, const std::string& analysis, const std::string& param,
                                    std::vector<std::string> fallback) {
  const ParamInfo* info = find_param(host, analysis, param);
  return info && !info->choices.empty() ? info->choices : std::move(fallback);
}

std::string default_of(const Host& host, const std::string& analysis, const std::string& param,
                       const std::string& fallback) {
  const ParamInfo* info = find_param(host, analysis, param);
  return info && info->fallback.is_string() ? info->fallback.get<std::string>() : fallback;
}

void fill_choices(QComboBox& box, const std::vector<std::string>& choices, const std::string& current) {
  const QSignalBlocker quiet(box);
  box.clear();
  for (const auto& choice : choices) {
    box.addItem(spoken(choice), QString::fromStdString(choice));
    if (choice == current) box.setCurrentIndex(box.count() - 1);
  }
}

bool has_param(const Host& host, const std::string& analysis, const std::string& param) {
  return find_param(host, analysis, param) != nullptr;
}

ParamForm::ParamForm(QWidget* parent) : QWidget(parent) {
  rows_ = new QFormLayout(this);
  rows_->setContentsMargins(0, 0, 0, 0);
  rows_->setHorizontalSpacing(2 * kGrid);
  rows_->setVerticalSpacing(kGrid);
  rows_->setLabelAlignment(Qt::AlignLeft | Qt::AlignVCenter);
  rows_->setFieldGrowthPolicy(QFormLayout::ExpandingFieldsGrow);
  rows_->setRowWrapPolicy(QFormLayout::DontWrapRows);
}

void ParamForm::set_params(const std::vector<ParamInfo>& params) {
  while (rows_->rowCount() > 0) rows_->removeRow(0);
  fields_.clear();
  params_ = params;
  for (const ParamInfo& param : params_) {
    QWidget* field = make_field(param);
    const QString doc = QString::fromStdString(param.doc);
    field->setToolTip(doc);
    field->setObjectName("param_" + QString::fromStdString(param.name));
    field->setAccessibleName(spoken(param.name));
    auto* label = new QLabel(spoken(param.name));
    label->setToolTip(doc);
    label->setForegroundRole(QPalette::PlaceholderText);
    label->setBuddy(field);
    rows_->addRow(label, field);
    fields_[param.name] = field;
  }
  nlohmann::json defaults = nlohmann::json::object();
  for (const ParamInfo& param : params_) defaults[param.name] = param.fallback;
  set_values(defaults);
}

QWidget* ParamForm::make_field(const ParamInfo& param) {
  const auto tell = [this] {
    if (!filling_) emit changed();
  };
  switch (param.type) {
    case ParamInfo::Type::Int: {
      auto* box = new QSpinBox;
      box->setRange(std::numeric_limits<int>::min(), std::numeric_limits<int>::max());
      box->setKeyboardTracking(false);
      connect(box, &QSpinBox::valueChanged, this, tell);
      return box;
    }
    case ParamInfo::Type::Float: {
      auto* box = new QDoubleSpinBox;
      box->setRange(-1e9, 1e9);
      box->setDecimals(4);
      box->setSingleStep(0.1);
      box->setKeyboardTracking(false);
      connect(box, &QDoubleSpinBox::valueChanged, this, tell);
      return box;
    }
    case ParamInfo::Type::Bool: {
      auto* box = new QCheckBox;
      connect(box, &QCheckBox::toggled, this, tell);
      return box;
    }
    case ParamInfo::Type::Choice: {
      auto* box = new QComboBox;
      for (const auto& choice : param.choices) box->addItem(QString::fromStdString(choice));
      box->setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
      connect(box, &QComboBox::currentIndexChanged, this, tell);
      return box;
    }
    case ParamInfo::Type::Text: break;
  }
  auto* line = new QLineEdit;
  connect(line, &QLineEdit::editingFinished, this, tell);
  return line;
}

nlohmann::json ParamForm::values() const {
  nlohmann::json out = nlohmann::json::object();
  for (const ParamInfo& param : params_) {
    QWidget* field = fields_.at(param.name);
    if (auto* spin = qobject_cast<QSpinBox*>(field)) out[param.name] = spin->value();
    else if (auto* number = qobject_cast<QDoubleSpinBox*>(field)) out[param.name] = number->value();
    else if (auto* check = qobject_cast<QCheckBox*>(field)) out[param.name] = check->isChecked();
    else if (auto* combo = qobject_cast<QComboBox*>(field)) out[param.name] = combo->currentText().toStdString();
    else if (auto* line = qobject_cast<QLineEdit*>(field)) out[param.name] = line->text().toStdString();
  }
  return out;
}

void ParamForm::set_values(const nlohmann::json& values) {
  if (!values.is_object()) return;
  filling_ = true;
  for (const auto& [name, value] : values.items()) {
    QWidget* field = this->field(name);
    if (auto* spin = qobject_cast<QSpinBox*>(field); spin && value.is_number()) spin->setValue(value.get<int>());
    if (auto* number = qobject_cast<QDoubleSpinBox*>(field); number && value.is_number())
      number->setValue(value.get<double>());
    if (auto* check = qobject_cast<QCheckBox*>(field); check && value.is_boolean()) check->setChecked(value.get<bool>());
    if (!value.is_string()) continue;
    const QString text = QString::fromStdString(value.get<std::string>());
    if (auto* combo = qobject_cast<QComboBox*>(field)) combo->setCurrentText(text);
    if (auto* line = qobject_cast<QLineEdit*>(field)) line->setText(text);
  }
  filling_ = false;
}

QWidget* ParamForm::field(const std::string& name) const {
  const auto found = fields_.find(name);
  return found == fields_.end() ? nullptr : found->second;
}

}  // namespace vitrine::views
