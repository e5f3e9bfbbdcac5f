#include <cmath>

#include <QComboBox>
#include <QHBoxLayout>
#include <QLabel>
#include <QPushButton>
#include <QResizeEvent>
#include <QSplitter>
#include <QToolButton>
#include <QVBoxLayout>

#include "views/figure/figure_view.h"
#include "views/panels/controls.h"
#include "views/panels/form.h"
#include "views/panels/looks.h"
#include "views/panels/panels.h"
#include "views/panels/part_edits.h"
#include "views/panels/report_table.h"
#include "views/panels/style.h"
#include "views/panels/tower_panel.h"

namespace vitrine::views {

namespace {

/// Seconds that a sweep may take without being asked for by a button.
constexpr double kUnasked = 10;

/// What the model loses without each head: heat map, ranking and scatter with one selection.
class ImportancePanel : public TowerPanel {
 public:
  explicit ImportancePanel(Host& host) : TowerPanel(host) {
    set_follows({.input = true, .edits = false});
    build();
    model_opened();
    connect(&host, &Host::edits_changed, this, [this] {
      if (edited_->isChecked()) schedule_refresh();
    });
  }

  QString id() const override { return "importance"; }
  QString title() const override { return tr("Head importance"); }
  std::vector<std::shared_ptr<const engine::Report>> reports() const override {
    std::vector<std::shared_ptr<const engine::Report>> all;
    if (importance_) all.push_back(importance_);
    if (points_) all.push_back(points_);
    return all;
  }

 protected:
  void model_opened() override {
    importance_.reset();
    stats_.reset();
    points_.reset();
    map_->set_report(nullptr);
    scatter_->set_report(nullptr);
    ranking_->clear();
    offer_towers();
    const ModelState* model = host().model();
    const std::string fallback = model && model->has_eval_set ? "eval" : "probability";
    // Without a prediction there is no number that a head could change: its own confidence is left to rank by.
    const bool predicts = !model || model->predicts;
    fill_choices(*method_,
                 predicts ? choices_of(host(), "head_importance", "method", {"zero", "mean", "gradient", "confidence"})
                          : std::vector<std::string>{"confidence"},
                 predicts ? default_of(host(), "head_importance", "method", "gradient") : "confidence");
    on_row_->setVisible(predicts);
    std::vector<std::string> on = choices_of(host(), "head_importance", "on", {"probability", "loss", "eval"});
    if (model && !model->has_eval_set) std::erase(on, "eval");
    fill_choices(*on_, on, fallback);
    settings_changed(host().view_settings(id()));
  }

  void refresh() override {
    if (!ready(tr("Open a model to rank its heads."))) return;
    show_selection();
    const bool edited = edited_->isChecked();
    ask("importance", "head_importance",
        {{"method", method_->currentData().toString().toStdString()},
         {"on", on_->currentData().toString().toStdString()}, {"tower", tower()}, {"budget", agreed_ ? 0.0 : kUnasked}}, edited);
    agreed_ = false;
    ask("stats", "head_stats", {{"tower", tower()}}, edited);
  }

  void answered(const QString& slot, std::shared_ptr<const engine::Report> report) override {
    if (slot == "stats") {
      stats_ = report;
    } else {
      importance_ = report;
      // Ablation gives both signs sooner or later: the colours do not change their meaning while heads come in.
      FigureOptions heat = panel_figure();
      heat.array = 0;
      const QString method = method_->currentData().toString();
      const bool ablation = (method == "zero" || method == "mean") && !report->notes.contains("postponed");
      if (ablation) heat.range = RangeMode::Symmetric;
      map_->set_options(heat);
      map_->set_report(report);
      // The heat map and the file have the other columns too; beside the pictures there is room for the ranking alone.
      QStringList others;
      if (!report->tables.empty())
        for (std::size_t c = 2; c < report->tables[0].columns.size(); ++c)
          others << QString::fromStdString(report->tables[0].columns[c].name);
      ranking_->set(report, 0);
      ranking_->hide_columns(others);
      show_verified(report.get());
      show_notes(*report);
      const auto why = report->notes.find("postponed");
      cost_row_->setVisible(why != report->notes.end());
      if (why != report->notes.end()) cost_->set_text(QString::fromStdString(why->second));
    }
    compose_scatter();
    show_selection();
  }

  void refused(const QString& slot, const QString& sentence) override {
    if (slot == "stats") return;
    importance_.reset();
    show_error(sentence);
  }

  void selection_moved() override {
    if (tower_moved()) return;
    show_selection();
  }

  void settings_changed(const nlohmann::json& settings) override {
    if (!settings.is_object()) return;
    const auto pick = [&](QComboBox* box, const char* key) {
      const QSignalBlocker quiet(box);
      const auto found = settings.find(key);
      if (found == settings.end() || !found->is_string()) return;
      if (const int i = box->findData(QString::fromStdString(found->get<std::string>())); i >= 0) box->setCurrentIndex(i);
    };
    pick(method_, "method");
    pick(on_, "on");
    pick(against_, "against");
    schedule_refresh();
  }

  /// A low panel has the heat map and the ranking; the scatter would be a line.
  void resizeEvent(QResizeEvent* event) override {
    TowerPanel::resizeEvent(event);
    scatter_->setVisible(height() >= kScatterFrom);
    ranking_->setMinimumWidth((width() >= 50 * kGrid ? 27 : 17) * kGrid);
  }

 private:
  static constexpr int kScatterFrom = 340;

  void build() {
    method_ = new QComboBox;
    method_->setObjectName("method");
    method_->setToolTip(tr("Zero and mean switch a head off, gradient uses its gate (arXiv:1905.10650), confidence its largest weight"));
    on_ = new QComboBox;
    on_->setObjectName("on");
    on_->setToolTip(tr("The number that is watched: a probability or the loss of this input, or the evaluation set"));
    against_ = new QComboBox;
    against_->setObjectName("against");
    fill_choices(*against_, {"entropy", "distance", "first_token"}, "entropy");
    edited_ = toggle_button(tr("&With edits"), "edited",
                            tr("Ranks the heads that are left by the edits in force, and follows them"));
    prune_ = new QPushButton(tr("Prune selected"));
    prune_->setObjectName("prune");
    prune_->setEnabled(false);
    on_row_ = labelled(tr("&on"), on_);
    set_controls(control_bar({make_tower_row(), labelled(tr("&Method"), method_), on_row_,
                              labelled(tr("&against"), against_), edited_, prune_}));
    set_body(build_views());
    connect(method_, &QComboBox::currentIndexChanged, this, [this] { change(method_, "method"); });
    connect(on_, &QComboBox::currentIndexChanged, this, [this] { change(on_, "on"); });
    connect(against_, &QComboBox::currentIndexChanged, this, [this] {
      save_view({{"against", against_->currentData().toString().toStdString()}});
      compose_scatter();
      show_selection();
    });
    connect(edited_, &QToolButton::toggled, this, [this] { schedule_refresh(); });
    connect(prune_, &QPushButton::clicked, this, [this] { prune(); });
  }

  /// What a long sweep would cost, and the button that starts it all the same.
  QWidget* build_cost_row() {
    cost_row_ = new QWidget;
    auto* row = new QHBoxLayout(cost_row_);
    row->setContentsMargins(0, 0, 0, 0);
    row->addWidget(cost_ = new ElidedLabel, 1);
    cost_->setObjectName("cost");
    auto* start = new QPushButton(tr("Compute"));
    start->setObjectName("compute");
    row->addWidget(start);
    connect(start, &QPushButton::clicked, this, [this] {
      agreed_ = true;
      cost_row_->hide();
      refresh();
    });
    cost_row_->hide();
    return cost_row_;
  }

  QWidget* build_views() {
    auto* body = new QWidget;
    auto* column = column_of(body);
    column->addWidget(build_cost_row());
    auto* down = new QSplitter(Qt::Vertical);
    auto* across = new QSplitter(Qt::Horizontal);
    for (QSplitter* split : {down, across}) {
      split->setHandleWidth(kGrid);
      split->setChildrenCollapsible(false);
    }
    map_ = new FigureView;
    map_->setObjectName("heat");
    FigureOptions heat = panel_figure();
    heat.array = 0;
    map_->set_options(heat);
    scatter_ = new FigureView;
    scatter_->setObjectName("scatter");
    scatter_->set_options(panel_figure());
    ranking_ = new ReportTable;
    ranking_->setObjectName("ranking");
    ranking_->setMinimumWidth(17 * kGrid);
    across->addWidget(map_);
    across->addWidget(ranking_);
    across->setStretchFactor(0, 2);
    across->setStretchFactor(1, 1);
    across->setSizes({560, 300});
    down->addWidget(across);
    down->addWidget(scatter_);
    down->setSizes({320, 260});
    column->addWidget(down, 1);
    column->addWidget(note_ = new ElidedLabel);
    note_->setObjectName("note");
    for (FigureView* view : {map_, scatter_}) {
      connect(view, &FigureView::clicked, this, [this, view](const Hit& hit, Qt::KeyboardModifiers modifiers) {
        if (const auto head = head_of(view, hit)) pick(*head, modifiers);
      });
      connect(view, &FigureView::brushed, this, [this, view](const std::vector<Hit>& hits) {
        std::vector<HeadRef> heads;
        for (const Hit& hit : hits)
          if (const auto head = head_of(view, hit)) heads.push_back(*head);
        brush(std::move(heads));
      });
      connect(view, &FigureView::hovered, this, [this](const Hit&, const QString& text) { note_->set_text(text); });
      connect(view, &FigureView::left, this, [this] { note_->set_text(notes_); });
    }
    connect(ranking_, &ReportTable::picked, this, [this](const QList<int>& rows) {
      std::vector<HeadRef> heads;
      for (int row : rows)
        if (const auto head = head_of_row(row)) heads.push_back(*head);
      brush(std::move(heads));
    });
    return body;
  }

  void change(QComboBox* box, const char* key) {
    save_view({{key, box->currentData().toString().toStdString()}});
    schedule_refresh();
  }

  std::optional<HeadRef> head_of_row(int row) const {
    const engine::Table* table = ranking_->table();
    if (!table || row < 0 || row >= static_cast<int>(table->rows.size())) return {};
    const auto* name = std::get_if<std::string>(&table->rows[static_cast<std::size_t>(row)].front());
    return name ? parse_head(*name, tower()) : std::nullopt;
  }

  std::optional<HeadRef> head_of(const FigureView* view, const Hit& hit) const {
    if (view == map_ && hit.index.size() >= 2)
      return HeadRef{.tower = tower(), .layer = hit.index[0], .head = hit.index[1]};
    if (view != scatter_ || !points_ || hit.kind != "point" || hit.index.empty()) return {};
    const auto& labels = points_->arrays[0].axes[0].labels;
    const auto i = static_cast<std::size_t>(hit.index[0]);
    return i < labels.size() ? parse_head(labels[i], tower()) : std::nullopt;
  }

  /// Plain click: this head alone, and it becomes the head of the attention view; with Ctrl or Shift it is added or
  /// taken out.
  void pick(const HeadRef& head, Qt::KeyboardModifiers modifiers) {
    Selection selection = host().selection();
    if (modifiers & (Qt::ControlModifier | Qt::ShiftModifier)) {
      const auto found = std::find(selection.brushed.begin(), selection.brushed.end(), head);
      if (found == selection.brushed.end()) selection.brushed.push_back(head);
      else selection.brushed.erase(found);
    } else {
      selection.brushed = {head};
      selection.head = head;
    }
    host().select(selection);
  }

  void brush(std::vector<HeadRef> heads) {
    Selection selection = host().selection();
    selection.brushed = std::move(heads);
    host().select(selection);
  }

  void prune() {
    const ModelState* model = host().model();
    if (!model) return;
    std::set<PartRef> parts;
    for (const auto& head : host().selection().brushed)
      parts.insert({PartRef::Kind::Head, head.tower, head.layer, head.head});
    const nlohmann::json command = switch_parts(*model, host().edits(), parts, true);
    if (command.is_null()) return host().tell(tr("These heads are off already."));
    host().act(command);
  }

  /// The same numbers as the analysis `importance_scatter`, put together from the two reports that are here already, so
  /// that a sweep is not done twice.
  void compose_scatter() {
    points_.reset();
    if (importance_ && stats_ && !importance_->arrays.empty()) {
      const std::string against = against_->currentData().toString().toStdString();
      const auto& y = importance_->arrays[0];
      const auto x = std::find_if(stats_->arrays.begin(), stats_->arrays.end(), [&](const auto& a) { return a.name == against; });
      if (x != stats_->arrays.end() && x->shape == y.shape && y.shape.size() == 2) points_ = scatter_of(*x, y);
    }
    scatter_->set_report(points_);
  }

  std::shared_ptr<const engine::Report> scatter_of(const engine::Array& x, const engine::Array& y) const {
    auto report = std::make_shared<engine::Report>();
    report->id = "importance_scatter";
    report->title = "Importance against " + x.name;
    report->subtitle = importance_->subtitle;
    report->picture = engine::PictureKind::Scatter;
    report->verified = importance_->verified;
    engine::Axis heads{"head", "", {}};
    engine::Array xs{x.name, x.unit, {}, {}, {}}, ys{y.name, y.unit, {}, {}, {}};
    const auto columns = y.shape[1];
    for (std::int64_t i = 0; i < y.numel(); ++i) {
      const auto at = static_cast<std::size_t>(i);
      if (std::isnan(x.values[at])) continue;
      heads.labels.push_back(std::to_string(i / columns) + "." + std::to_string(i % columns));
      xs.values.push_back(x.values[at]);
      ys.values.push_back(y.values[at]);
    }
    xs.shape = ys.shape = {static_cast<std::int64_t>(xs.values.size())};
    xs.axes = ys.axes = {heads};
    report->arrays = {std::move(xs), std::move(ys)};
    return report;
  }

  void show_selection() {
    const Selection& selection = host().selection();
    std::vector<Mark> on_map, on_scatter;
    std::vector<int> rows;
    int chosen = 0;
    for (const auto& head : selection.brushed) {
      if (head.tower != tower()) continue;
      ++chosen;
      const std::string name = std::to_string(head.layer) + "." + std::to_string(head.head);
      on_map.push_back({.tag = "cell " + std::to_string(head.layer) + " " + std::to_string(head.head)});
      if (points_) {
        const auto& labels = points_->arrays[0].axes[0].labels;
        const auto at = std::find(labels.begin(), labels.end(), name);
        if (at != labels.end()) on_scatter.push_back({.tag = "point " + std::to_string(at - labels.begin())});
      }
    }
    if (const engine::Table* table = ranking_->table())
      for (int r = 0; r < static_cast<int>(table->rows.size()); ++r)
        if (const auto head = head_of_row(r); head && std::find(selection.brushed.begin(), selection.brushed.end(), *head) != selection.brushed.end())
          rows.push_back(r);
    map_->set_marks(on_map);
    scatter_->set_marks(on_scatter);
    ranking_->select_rows(rows);
    prune_->setEnabled(chosen > 0);
    prune_->setText(chosen > 1 ? tr("Prune these %1").arg(chosen) : chosen == 1 ? tr("Prune this head") : tr("Prune selected"));
  }

  void show_notes(const engine::Report& report) {
    QStringList parts;
    for (const auto& [name, text] : report.notes) parts << QString::fromStdString(name) + ": " + QString::fromStdString(text);
    if (report.fraction_done < 1) parts.prepend(tr("%1 % of the heads").arg(static_cast<int>(report.fraction_done * 100)));
    notes_ = parts.join(QStringLiteral("  ·  "));
    note_->set_text(notes_);
  }

  QString notes_;
  bool agreed_ = false;   ///< the next sweep may take as long as it takes
  QWidget* cost_row_ = nullptr;
  ElidedLabel* cost_ = nullptr;
  std::shared_ptr<const engine::Report> importance_, stats_, points_;
  QWidget* on_row_ = nullptr;
  QComboBox *method_ = nullptr, *on_ = nullptr, *against_ = nullptr;
  QToolButton* edited_ = nullptr;
  QPushButton* prune_ = nullptr;
  FigureView *map_ = nullptr, *scatter_ = nullptr;
  ReportTable* ranking_ = nullptr;
  ElidedLabel* note_ = nullptr;
};

}  // namespace

std::unique_ptr<Panel> make_importance_panel(Host& host) { return std::make_unique<ImportancePanel>(host); }

}  // namespace vitrine::views
