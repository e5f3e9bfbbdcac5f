#pragma once

#include <map>
#include <string>
#include <vector>

#include <QWidget>

#include <nlohmann/json.hpp>

#include "engine/analysis/analysis.h"
#include "views/panels/host.h"

class QComboBox;
class QFormLayout;

namespace vitrine::views {

/// Widgets for the parameters of any analysis, from what it states about them.
class ParamForm : public QWidget {
  Q_OBJECT
 public:
  explicit ParamForm(QWidget* parent = nullptr);
  void set_params(const std::vector<engine::ParamInfo>& params);
  /// What the widgets hold; every parameter is present.
  [[nodiscard]] nlohmann::json values() const;
  /// Names that are unknown and values of another type are passed over.
  void set_values(const nlohmann::json& values);
  [[nodiscard]] QWidget* field(const std::string& name) const;

 signals:
  void changed();

 private:
  QWidget* make_field(const engine::ParamInfo& param);
  QFormLayout* rows_ = nullptr;
  std::vector<engine::ParamInfo> params_;
  std::map<std::string, QWidget*> fields_;
  bool filling_ = false;
};

/// The choices an analysis states for a parameter, or `fallback` while it is not registered.
[[nodiscard]] std::vector<std::string> choices_of(const Host& host, const std::string& analysis, const std::string& param,
                                                  std::vector<std::string> fallback);
/// Its default, or `fallback`.
[[nodiscard]] std::string default_of(const Host& host, const std::string& analysis, const std::string& param,
                                     const std::string& fallback);
[[nodiscard]] bool has_param(const Host& host, const std::string& analysis, const std::string& param);

/// Fills a box with choices as a person reads them; the id is the item's data.
void fill_choices(QComboBox& box, const std::vector<std::string>& choices, const std::string& current);

/// "head_reduction" as a person reads it: "Head reduction".
[[nodiscard]] QString spoken(const std::string& name);

}  // namespace vitrine::views
