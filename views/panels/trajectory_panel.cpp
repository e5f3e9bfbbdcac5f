#include <QLabel>
#include <QPushButton>
#include <QToolButton>
#include <QVBoxLayout>

#include "views/panels/controls.h"
#include "views/panels/looks.h"
#include "views/panels/panels.h"
#include "views/panels/style.h"
#include "views/panels/tower_panel.h"
#include "views/scene/trajectory_scene.h"

namespace vitrine::views {

namespace {

/// The way of each token through the layers, in three dimensions.
class TrajectoryPanel : public TowerPanel {
 public:
  explicit TrajectoryPanel(Host& host) : TowerPanel(host) {
    build();
    model_opened();
  }

  QString id() const override { return "trajectory"; }
  QString title() const override { return tr("Trajectories"); }
  Reports reports() const override { return one_or_none(report_); }

 protected:
  void model_opened() override {
    report_.reset();
    scene_->set_report(nullptr);
    offer_towers();
    settings_changed(host().view_settings(id()));
  }

  void refresh() override {
    if (!ready(tr("Open a model to follow its tokens through the layers."))) return;
    ask("paths", "trajectories", {{"tower", tower()}, {"components", 3}});
  }

  void answered(const QString&, std::shared_ptr<const engine::Report> report) override {
    report_ = report;
    scene_->set_report(report);
    scene_->set_selected(host().selection().token);
    QStringList parts;
    for (const auto& metric : report->metrics)
      parts << QString::fromStdString(metric.name).replace('_', ' ') + " " + quantity_text(metric.value, QString::fromStdString(metric.unit), 3);
    numbers_->set_text(parts.join(QStringLiteral("  ·  ")));
    show_verified(report.get());
  }

  void refused(const QString&, const QString& sentence) override {
    report_.reset();
    show_error(sentence);
  }

  void selection_moved() override {
    if (tower_moved()) return;
    scene_->set_selected(host().selection().token);
  }

  void theme_moved() override {
    scene_->set_theme(canvas_theme(*this));
    settings_changed(host().view_settings(id()));
  }

  void settings_changed(const nlohmann::json& settings) override {
    TrajectorySettings look = scene_->settings();
    const auto flag = [&](const char* key, bool fallback) {
      if (!settings.is_object()) return fallback;
      const auto found = settings.find(key);
      return found != settings.end() && found->is_boolean() ? found->get<bool>() : fallback;
    };
    look.color = flag("by_token", false) ? TrajectorySettings::Color::Token : TrajectorySettings::Color::Layer;
    look.labels = flag("labels", true);
    look.table = color_table(default_color_map());
    const bool hide = flag("hide_first", false);
    scene_->set_settings(look);
    scene_->set_hidden_tokens(hide ? std::vector<int>{0} : std::vector<int>{});
    color_->set_current(look.color == TrajectorySettings::Color::Token ? 1 : 0);
    labels_->setChecked(look.labels);
    hide_->setChecked(hide);
  }

 private:
  void build() {
    color_ = new Segmented({tr("By layer"), tr("By token")});
    color_->setToolTip(tr("What the colours stand for"));
    labels_ = toggle_button(tr("&Labels"), "labels", tr("Names of the tokens at the last layer"));
    hide_ = toggle_button(tr("Hide first to&ken"), "hide_first",
                          tr("Its norm is often so large that all others shrink to a point"));
    auto* reset = new QPushButton(tr("Re&set view"));
    set_controls(control_bar({make_tower_row(), color_, labels_, hide_, reset}));
    auto* body = new QWidget;
    auto* column = column_of(body);
    scene_ = new TrajectoryScene;
    scene_->setObjectName("scene");
    scene_->set_theme(canvas_theme(*this));
    column->addWidget(scene_, 1);
    column->addWidget(numbers_ = new ElidedLabel);
    set_body(body);
    connect(color_, &Segmented::chosen, this, [this](int i) { change({{"by_token", i == 1}}); });
    connect(labels_, &QToolButton::clicked, this, [this](bool on) { change({{"labels", on}}); });
    connect(hide_, &QToolButton::clicked, this, [this](bool on) { change({{"hide_first", on}}); });
    connect(reset, &QPushButton::clicked, this, [this] { scene_->reset_view(); });
    connect(scene_, &TrajectoryScene::selected, this, [this](int token) {
      Selection selection = this->host().selection();
      selection.token = token;
      this->host().select(selection);
    });
  }

  void change(const nlohmann::json& settings) {
    save_view(settings);
    settings_changed(host().view_settings(id()));
  }

  std::shared_ptr<const engine::Report> report_;
  Segmented* color_ = nullptr;
  QToolButton *labels_ = nullptr, *hide_ = nullptr;
  TrajectoryScene* scene_ = nullptr;
  ElidedLabel* numbers_ = nullptr;
};

}  // namespace

std::unique_ptr<Panel> make_trajectory_panel(Host& host) { return std::make_unique<TrajectoryPanel>(host); }

}  // namespace vitrine::views
