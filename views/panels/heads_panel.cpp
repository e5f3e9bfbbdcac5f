#include <algorithm>

#include <QComboBox>
#include <QLabel>
#include <QToolButton>
#include <QVBoxLayout>

#include "views/canvas/head_grid_canvas.h"
#include "views/panels/controls.h"
#include "views/panels/looks.h"
#include "views/panels/panels.h"
#include "views/panels/part_edits.h"
#include "views/panels/style.h"
#include "views/panels/tower_panel.h"

namespace vitrine::views {

namespace {

/// Every head of a tower as a thumbnail of its map.
class HeadsPanel : public TowerPanel {
 public:
  explicit HeadsPanel(Host& host) : TowerPanel(host) {
    build();
    model_opened();
  }

  QString id() const override { return "heads"; }
  QString title() const override { return tr("Heads"); }
  std::vector<std::shared_ptr<const engine::Report>> reports() const override {
    std::vector<std::shared_ptr<const engine::Report>> all;
    if (grid_report_) all.push_back(grid_report_);
    if (stats_report_) all.push_back(stats_report_);
    return all;
  }

 protected:
  void model_opened() override {
    grid_report_.reset();
    stats_report_.reset();
    grid_->set_report(nullptr);
    grid_->set_stats(nullptr);
    offer_towers();
    settings_changed(host().view_settings(id()));
  }

  void refresh() override {
    if (!ready(tr("Open a model: all its heads appear here."))) return;
    selection_moved();
    ask("grid", "attention_grid", {{"tower", tower()}, {"size", 48}});
    ask("stats", "head_stats", {{"tower", tower()}});
  }

  void answered(const QString& slot, std::shared_ptr<const engine::Report> report) override {
    if (slot == "stats") {
      stats_report_ = report;
      return grid_->set_stats(report);
    }
    grid_report_ = report;
    grid_->set_report(report);
    selection_moved();
    show_verified(report.get());
  }

  void refused(const QString& slot, const QString& sentence) override {
    if (slot == "stats") return grid_->set_stats(nullptr);
    grid_report_.reset();
    show_error(sentence);
  }

  void selection_moved() override {
    const Selection& selection = host().selection();
    if (tower_moved()) return;
    const int per = channels_per_thumbnail();
    grid_->set_current(selection.head.layer, selection.head.head / per);
    if (selection.compare && selection.compare->tower == tower())
      grid_->set_compared(selection.compare->layer, selection.compare->head / per);
    else
      grid_->set_compared(-1, -1);
    std::vector<HeadPlace> brushed, pruned;
    for (const auto& head : selection.brushed)
      if (head.tower == tower()) brushed.emplace_back(head.layer, head.head / per);
    if (host().model() && per == 1)
      for (const auto& part : parts_off(*host().model(), host().edits()))
        if (part.kind == PartRef::Kind::Head && part.tower == tower()) pruned.emplace_back(part.layer, part.head);
    grid_->set_brushed(brushed);
    grid_->set_pruned(pruned);
  }

  void theme_moved() override {
    grid_->set_theme(canvas_theme(*this));
    settings_changed(host().view_settings(id()));
  }

  void settings_changed(const nlohmann::json& settings) override {
    HeadGridSettings look = grid_->settings();
    look.own_range = !settings.is_object() || settings.value("own_range", true);
    look.log = settings.is_object() && settings.value("log", false);
    look.table = color_table(settings.is_object() ? settings.value("map", default_color_map()) : default_color_map());
    look.diverging_table = diverging_table(*this);
    grid_->set_settings(look);
    range_->set_current(look.own_range ? 0 : 1);
    const QSignalBlocker quiet(log_);
    log_->setChecked(look.log);
  }

 private:
  void build() {
    range_ = new Segmented({tr("Own range"), tr("One range")});
    range_->setToolTip(tr("Colours from 0 to the largest value of each head, or of all heads"));
    log_ = toggle_button(tr("&Log"), "log", tr("Logarithmic colours"));
    set_controls(control_bar({make_tower_row(), range_, log_}));
    grid_ = new HeadGridCanvas;
    grid_->setObjectName("grid");
    grid_->set_theme(canvas_theme(*this));
    set_body(grid_);
    connect(range_, &Segmented::chosen, this, [this](int i) { change({{"own_range", i == 0}}); });
    connect(log_, &QToolButton::toggled, this, [this](bool on) { change({{"log", on}}); });
    connect(grid_, &HeadGridCanvas::selected, this, [this](int layer, int head) {
      Selection selection = this->host().selection();
      selection.head = {.tower = tower(), .layer = layer, .head = head * channels_per_thumbnail()};
      this->host().select(selection);
    });
    connect(grid_, &HeadGridCanvas::compared, this, [this](int layer, int head) {
      Selection selection = this->host().selection();
      selection.compare = HeadRef{.tower = tower(), .layer = layer, .head = head * channels_per_thumbnail()};
      this->host().select(selection);
    });
    connect(grid_, &HeadGridCanvas::prune_toggled, this, [this](int layer, int head) { toggle(layer, head); });
  }

  void change(const nlohmann::json& settings) {
    save_view(settings);
    settings_changed(host().view_settings(id()));
  }

  /// A state space has a map for each channel; thumbnails then stand for groups of neighbours.
  int channels_per_thumbnail() const {
    const TowerState* state = host().model() ? find_tower(*host().model(), tower()) : nullptr;
    if (!state || state->heads_per_layer.empty() || grid_->heads() <= 0) return 1;
    const int heads = *std::max_element(state->heads_per_layer.begin(), state->heads_per_layer.end());
    return std::max(1, (heads + grid_->heads() - 1) / grid_->heads());
  }

  void toggle(int layer, int head) {
    const ModelState* model = host().model();
    if (!model || channels_per_thumbnail() > 1) return;
    const PartRef part{PartRef::Kind::Head, tower(), layer, head};
    const bool off = parts_off(*model, host().edits()).contains(part);
    const nlohmann::json command = switch_parts(*model, host().edits(), {part}, !off);
    if (!command.is_null()) host().act(command);
  }

  std::shared_ptr<const engine::Report> grid_report_, stats_report_;
  Segmented* range_ = nullptr;
  QToolButton* log_ = nullptr;
  HeadGridCanvas* grid_ = nullptr;
};

}  // namespace

std::unique_ptr<Panel> make_heads_panel(Host& host) { return std::make_unique<HeadsPanel>(host); }

}  // namespace vitrine::views
