#include <utility>

#include <QHBoxLayout>
#include <QLabel>
#include <QToolButton>
#include <QVBoxLayout>

#include "views/panels/attention_view.h"
#include "views/panels/controls.h"
#include "views/panels/head_spin.h"
#include "views/canvas/map_canvas.h"
#include "views/panels/look_menu.h"
#include "views/panels/looks.h"
#include "views/panels/map_tiles.h"
#include "views/panels/panels.h"
#include "views/panels/part_edits.h"
#include "views/panels/style.h"
#include "views/panels/tower_panel.h"

namespace vitrine::views {

namespace {

/// One map large: a head, the mean of a layer or the rollout, as matrix, lines or image overlay.
class AttentionPanel : public TowerPanel {
 public:
  explicit AttentionPanel(Host& host) : TowerPanel(host) {
    build();
    model_opened();
  }

  QString id() const override { return "attention"; }
  QString title() const override { return tr("Attention"); }
  std::vector<std::shared_ptr<const engine::Report>> reports() const override {
    std::vector<std::shared_ptr<const engine::Report>> all;
    if (map_) all.push_back(map_);
    if (compared_) all.push_back(compared_);
    return all;
  }

 protected:
  void model_opened() override {
    tiles_->stop();
    other_tiles_->stop();
    view_->set_tiled(false);
    map_.reset();
    compared_.reset();
    asked_head_ = {};
    asked_compare_.reset();
    view_->set_reports(nullptr, nullptr);
    view_->set_mode(view_->mode());
    offer_towers();
    settings_changed(host().view_settings(id()));
  }

  void refresh() override {
    if (!ready(tr("Open a model to look at its attention."))) return;
    restore_places();
    fit_controls(*host().model());
    const HeadRef head = host().selection().head;
    asked_head_ = head;
    asked_compare_ = host().selection().compare;
    if (show_tiles(head)) return;
    if (source_->current() == 2)
      ask("map", "rollout", {{"tower", head.tower}});
    else if (difference_->isChecked() && !host().edits().empty())
      ask("map", "attention_difference", {{"tower", head.tower}, {"layer", head.layer}, {"head", shown_head(head)}});
    else
      ask("map", "attention", attention_params(head, shown_head(head)));
    if (asked_compare_ && source_->current() == 0) {
      ask("compare", "attention", attention_params(*asked_compare_, asked_compare_->head));
    } else {
      drop("compare");
      compared_.reset();
    }
  }

  void answered(const QString& slot, std::shared_ptr<const engine::Report> report) override {
    (slot == "map" ? map_ : compared_) = report;
    if (slot == "map") show_numbers(*report);
    show_maps();
  }

  void refused(const QString& slot, const QString& sentence) override {
    if (slot == "compare") {
      compared_.reset();
      show_maps();
      return host().tell(sentence);
    }
    map_.reset();
    show_error(sentence);
  }

  /// The map as it is looked at: colours, range, and matrix, lines or image.
  FigureOptions figure_options(std::size_t) const override {
    FigureOptions figure;
    const bool difference = map_ && map_->id == "attention_difference";
    // Values of both signs take the diverging map of the figure's theme.
    if (map_ && !map_->arrays.empty() && !two_signed(map_->arrays[0].values)) figure.color_map = look_.map;
    if (look_.manual) {
      figure.range = RangeMode::Manual;
      figure.lo = look_.lo;
      figure.hi = look_.hi;
    } else if (shown_look().log && !difference) {
      figure.range = RangeMode::Log;
    }
    if (mode_->current() == 1) figure.picture = engine::PictureKind::TokenLines;
    if (mode_->current() == 2) figure.picture = engine::PictureKind::ImageOverlay;
    if (figure.picture) figure.focus_row = host().selection().token;
    return figure;
  }

  void selection_moved() override {
    const Selection& selection = host().selection();
    head_->set_place(selection.head.layer, selection.head.head);
    keep_selection();
    if (selection.head != asked_head_ || selection.compare != asked_compare_) return schedule_refresh();
    view_->set_selection(selection.token, selection.key);
  }

  void theme_moved() override {
    view_->follow_theme();
    settings_changed(host().view_settings(id()));
  }

  void settings_changed(const nlohmann::json& settings) override {
    const AttentionLook before = look_;
    look_ = look_from(settings);
    log_chosen_ = settings.is_object() && settings.contains("log");
    const std::string mode = settings.is_object() ? settings.value("mode", std::string()) : std::string();
    chosen_mode_ = mode == "lines" ? 1 : mode == "overlay" ? 2 : mode == "matrix" ? 0 : -1;
    const std::string source = settings.is_object() ? settings.value("source", std::string("head")) : "head";
    source_->set_current(source == "rollout" ? 2 : source == "mean" ? 1 : 0);
    restore_head(settings);
    if (const ModelState* model = host().model()) fit_controls(*model);
    show_maps();
    if (before.hide_first != look_.hide_first || source != shown_source_) schedule_refresh();
    shown_source_ = source;
  }

 private:
  void build() {
    mode_ = new Segmented({tr("Matrix"), tr("Lines"), tr("Image")});
    mode_->setObjectName("mode");
    source_ = new Segmented({tr("Head"), tr("Mean"), tr("Rollout")});
    source_->setObjectName("source");
    source_->setToolTip(tr("One head, the mean over the heads of its layer, or attention multiplied through all layers"));
    head_ = new HeadSpin;
    head_->setObjectName("head");
    compare_ = toggle_button(tr("&Compare"), "compare",
                             tr("Shows a second head; hold Space (matrix) or Shift (image) to see it alone"));
    other_ = new HeadSpin;
    other_->setObjectName("other");
    other_->hide();
    cross_ = toggle_button(tr("Cr&oss"), "cross", tr("Attention from the decoder to the encoder"));
    difference_ = toggle_button(tr("D&ifference"), "difference", tr("What the edits in force change in this map"));
    display_ = new LookMenu;
    set_controls(control_bar({mode_, source_, make_tower_row(), labelled(tr("Hea&d"), head_), compare_, other_, cross_, difference_, display_}));

    auto* body = new QWidget;
    auto* column = column_of(body);
    view_ = new AttentionView;
    column->addWidget(view_, 1);
    tiles_ = new MapTiles(host(), *view_->map(), QStringLiteral("attention/tile"), false);
    other_tiles_ = new MapTiles(host(), *view_->map(), QStringLiteral("attention/other_tile"), true);
    pointed_ = new ElidedLabel;
    pointed_->setObjectName("pointed");
    pointed_->set_muted(false);
    numbers_ = new ElidedLabel;
    numbers_->setObjectName("numbers");
    column->addWidget(pointed_);
    column->addWidget(numbers_);
    set_body(body);
    wire();
  }

  void wire() {
    static const char* const kModes[] = {"matrix", "lines", "overlay"};
    static const char* const kSources[] = {"head", "mean", "rollout"};
    connect(mode_, &Segmented::chosen, this, [this](int i) { change({{"mode", kModes[i]}}); });
    connect(source_, &Segmented::chosen, this, [this](int i) { change({{"source", kSources[i]}}); });
    connect(display_, &LookMenu::changed, this, [this](const nlohmann::json& settings) { change(settings); });
    connect(head_, &HeadSpin::chosen, this, [this](int layer, int head) {
      with_selection([&](Selection& s) { s.head.layer = layer, s.head.head = head; });
    });
    connect(other_, &HeadSpin::chosen, this, [this](int layer, int head) {
      with_selection([&](Selection& s) {
        s.compare = HeadRef{.tower = s.head.tower, .layer = layer, .head = head, .cross = s.head.cross};
      });
    });
    connect(compare_, &QToolButton::clicked, this, [this](bool on) {
      with_selection([&](Selection& s) {
        s.compare.reset();
        if (on) s.compare = HeadRef{.tower = s.head.tower, .layer = other_->layer(), .head = other_->head(), .cross = s.head.cross};
      });
    });
    connect(cross_, &QToolButton::clicked, this, [this](bool on) { with_selection([&](Selection& s) { s.head.cross = on; }); });
    connect(difference_, &QToolButton::toggled, this, [this] { schedule_refresh(); });
    connect(tiles_, &MapTiles::pending_changed, this, &AttentionPanel::show_progress_of_tiles);
    connect(tiles_, &MapTiles::refused, this, [this](const QString& sentence) { host().tell(sentence); });
    connect(tiles_, &MapTiles::overview, this, [this](std::shared_ptr<const engine::Report> report) {
      map_ = std::move(report);
      show_verified(map_.get());
    });
    connect(view_, &AttentionView::chosen, this, [this](int query, int key) {
      with_selection([&](Selection& s) {
        if (query >= 0) s.token = query;
        if (key >= 0) s.key = key;
        if (query < 0 && key < 0) s.token = s.key = -1;
      });
    });
    connect(view_, &AttentionView::pointed, this, [this](const QString& text) {
      pointed_->set_text(text.isEmpty() ? tr("Point at a cell to read its value") : text);
    });
    pointed_->set_text(tr("Point at a cell to read its value"));
  }

  template <class Change>
  void with_selection(Change&& change) {
    Selection selection = host().selection();
    change(selection);
    host().select(selection);
  }

  void change(const nlohmann::json& settings) {
    save_view(settings);
    settings_changed(host().view_settings(id()));
  }

  /// What is looked at is no act, but a session that is opened again shows it.
  void keep_selection() {
    const ModelState* model = host().model();
    if (!model) return;
    const Selection& s = host().selection();
    const auto place = [](const HeadRef& head) { return nlohmann::json{{"layer", head.layer}, {"head", head.head}}; };
    nlohmann::json kept = place(s.head);
    kept["tower"] = s.head.tower;
    kept["cross"] = s.head.cross;
    kept["compare"] = s.compare ? place(*s.compare) : nlohmann::json();
    if (!restoring_) kept["query"] = s.token, kept["key"] = s.key;
    host().keep_view(id(), kept);
  }

  /// The head that the settings name, if the model has it.
  std::optional<HeadRef> head_from(const nlohmann::json& settings, HeadRef base) const {
    const auto whole = [&](const char* key) { return settings.contains(key) && settings[key].is_number_integer(); };
    if (!settings.is_object() || !whole("layer") || !whole("head")) return {};
    if (settings.contains("tower") && settings["tower"].is_string()) base.tower = settings["tower"];
    if (settings.contains("cross") && settings["cross"].is_boolean()) base.cross = settings["cross"];
    base.layer = settings["layer"];
    base.head = settings["head"];
    const TowerState* tower = host().model() ? find_tower(*host().model(), base.tower) : nullptr;
    if (!tower) return {};
    const auto& heads = base.cross ? tower->cross_heads_per_layer : tower->heads_per_layer;
    if (base.layer < 0 || base.layer >= static_cast<int>(heads.size())) return {};
    if (base.head < 0 || base.head >= heads[static_cast<std::size_t>(base.layer)]) return {};
    return base;
  }

  void restore_head(const nlohmann::json& settings) {
    const auto head = head_from(settings, {});
    if (!head) return;
    restoring_ = settings;
    with_selection([&](Selection& s) {
      if (s.head != *head) s.compare.reset();
      s.head = *head;
      if (settings.contains("compare")) s.compare = head_from(settings["compare"], {.tower = head->tower, .cross = head->cross});
    });
  }

  /// Token positions mean something only once the input is there.
  void restore_places() {
    if (!restoring_) return;
    const nlohmann::json settings = *std::exchange(restoring_, std::nullopt);
    const auto place = [&](const char* key) {
      return settings.contains(key) && settings[key].is_number_integer() ? settings[key].get<int>() : -1;
    };
    int tokens = 0;
    for (const auto& tower : host().input()->towers)
      if (tower.prefix == host().selection().head.tower) tokens = static_cast<int>(tower.tokens.size());
    with_selection([&](Selection& s) {
      if (place("query") >= 0 && place("query") < tokens) s.token = place("query");
      if (place("key") >= 0 && place("key") < tokens) s.key = place("key");
    });
  }

  std::vector<std::string> labels_of(const std::string& prefix) const {
    std::vector<std::string> labels;
    for (const auto& tower : host().input()->towers)
      if (tower.prefix == prefix)
        for (const auto& token : tower.tokens) labels.push_back(token.text);
    return labels;
  }

  /// A head of a long input is looked at tile by tile. False: the map is small, or not the map of a head.
  bool show_tiles(const HeadRef& head) {
    const std::vector<std::string> queries = labels_of(head.tower);
    const std::vector<std::string> keys = head.cross ? labels_of(host().model()->towers.front().prefix) : queries;
    const auto rows = static_cast<std::int64_t>(queries.size()), cols = static_cast<std::int64_t>(keys.size());
    const bool tiled = std::max(rows, cols) > MapTiles::kWholeUpTo && source_->current() == 0 && !difference_->isChecked();
    view_->set_tiled(tiled);
    if (!tiled) {
      tiles_->stop();
      other_tiles_->stop();
      return false;
    }
    drop("map");
    drop("compare");
    map_.reset();
    compared_.reset();
    show_body();
    const auto params = [](const HeadRef& of) {
      return nlohmann::json{{"tower", of.tower}, {"layer", of.layer}, {"head", of.head}, {"cross", of.cross}};
    };
    tiles_->show(rows, cols, queries, keys, params(head));
    if (asked_compare_) other_tiles_->show(rows, cols, queries, keys, params(*asked_compare_));
    else view_->map()->set_compare(nullptr), other_tiles_->stop();
    show_maps();
    return true;
  }

  void show_progress_of_tiles(int tiles) {
    const QString size = tr("%L1 × %L2 cells").arg(view_->map()->rows()).arg(view_->map()->cols());
    numbers_->set_text(size + (tiles == 0   ? tr("  ·  exact")
                               : tiles == 1 ? tr("  ·  sampled first, one exact tile on its way")
                                            : tr("  ·  sampled first, %1 exact tiles on their way").arg(tiles)));
  }

  int shown_head(const HeadRef& head) const { return source_->current() == 1 ? -1 : head.head; }

  nlohmann::json attention_params(const HeadRef& head, int index) const {
    return {{"tower", head.tower}, {"layer", head.layer}, {"head", index}, {"cross", head.cross}, {"hide_first", look_.hide_first}};
  }

  void fit_controls(const ModelState& model) {
    const Selection& selection = host().selection();
    const TowerState* tower = find_tower(model, selection.head.tower);
    if (!tower) return;
    const auto& heads = selection.head.cross ? tower->cross_heads_per_layer : tower->heads_per_layer;
    head_->set_heads(heads);
    other_->set_heads(heads);
    head_->set_place(selection.head.layer, selection.head.head);
    compare_->setChecked(selection.compare.has_value());
    compare_->setEnabled(source_->current() == 0);
    other_->setVisible(selection.compare.has_value() && source_->current() == 0);
    if (selection.compare) other_->set_place(selection.compare->layer, selection.compare->head);
    bool crosses = false;
    for (int n : tower->cross_heads_per_layer) crosses |= n > 0;
    cross_->setVisible(crosses);
    cross_->setChecked(selection.head.cross);
    difference_->setVisible(!host().edits().empty());
    difference_->setEnabled(!host().edits().empty() && source_->current() != 2);
  }

  void show_maps() {
    const bool image = map_ && map_->grid && map_->image, tiled = tiles_->showing();
    mode_->set_choice_enabled(1, !tiled);
    mode_->set_choice_enabled(2, image && !tiled);
    int mode = chosen_mode_ >= 0 ? chosen_mode_ : image ? 2 : 0;
    if (tiled || (mode == 2 && !image)) mode = 0;
    const bool difference = map_ && map_->id == "attention_difference";
    // An overlay and lines show strengths; a signed difference needs the matrix.
    if (difference) mode = 0;
    mode_->set_current(mode);
    const AttentionLook look = shown_look();
    display_->set_look(look);
    view_->set_look(look, difference || (map_ && is_signed(*map_)));
    view_->set_names(name_of(asked_head_), asked_compare_ ? name_of(*asked_compare_) : QString());
    view_->set_reports(map_, compared_);
    view_->set_mode(static_cast<AttentionView::Mode>(mode));
    const Selection& selection = host().selection();
    view_->set_selection(selection.token, selection.key);
    show_verified(map_.get());
  }

  /// A row of thousands of keys has one in a thousand here and there: on a linear scale such a map is black.
  AttentionLook shown_look() const {
    AttentionLook look = look_;
    if (!log_chosen_ && tiles_->showing()) look.log = true;
    return look;
  }

  QString name_of(const HeadRef& head) const {
    if (source_->current() == 2) return tr("rollout");
    return source_->current() == 1 ? tr("layer %1, mean").arg(head.layer) : QString("%1.%2").arg(head.layer).arg(head.head);
  }

  void show_numbers(const engine::Report& report) {
    QStringList parts;
    for (const auto& metric : report.metrics) {
      QString name = QString::fromStdString(metric.name).replace('_', ' ');
      parts << name + " " + quantity_text(metric.value, QString::fromStdString(metric.unit), 4);
    }
    numbers_->set_text(parts.isEmpty() ? QString::fromStdString(report.title) : parts.join(QStringLiteral("  ·  ")));
  }

  AttentionLook look_;
  bool log_chosen_ = false;   ///< on or off by hand
  int chosen_mode_ = -1;
  std::optional<nlohmann::json> restoring_;   ///< settings whose token positions wait for the input
  std::string shown_source_ = "head";
  HeadRef asked_head_;
  std::optional<HeadRef> asked_compare_;
  std::shared_ptr<const engine::Report> map_, compared_;
  Segmented *mode_ = nullptr, *source_ = nullptr;
  HeadSpin *head_ = nullptr, *other_ = nullptr;
  QToolButton *compare_ = nullptr, *cross_ = nullptr, *difference_ = nullptr;
  LookMenu* display_ = nullptr;
  AttentionView* view_ = nullptr;
  MapTiles *tiles_ = nullptr, *other_tiles_ = nullptr;
  ElidedLabel *pointed_ = nullptr, *numbers_ = nullptr;
};

}  // namespace

std::unique_ptr<Panel> make_attention_panel(Host& host) { return std::make_unique<AttentionPanel>(host); }

}  // namespace vitrine::views
