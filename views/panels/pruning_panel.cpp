#include <algorithm>
#include <cmath>

#include <QComboBox>
#include <QFileDialog>
#include <QHBoxLayout>
#include <QLabel>
#include <QListWidget>
#include <QPushButton>
#include <QResizeEvent>
#include <QScrollArea>
#include <QSlider>
#include <QSplitter>
#include <QTimer>
#include <QVBoxLayout>

#include "views/panels/controls.h"
#include "views/panels/folders.h"
#include "views/panels/form.h"
#include "views/panels/frame.h"
#include "views/panels/metric_list.h"
#include "views/panels/panels.h"
#include "views/panels/part_edits.h"
#include "views/panels/part_tree.h"
#include "views/panels/report_table.h"
#include "views/panels/style.h"

namespace vitrine::views {

namespace {

/// Switches parts off and shows at once what that does to the model, beside the unpruned one.
class PruningPanel : public FramedPanel {
 public:
  explicit PruningPanel(Host& host) : FramedPanel(host) {
    slide_.setSingleShot(true);
    slide_.setInterval(120);
    connect(&slide_, &QTimer::timeout, this, [this] { ask_plan(); });
    build();
    model_opened();
    connect(&host, &Host::report, this, [this](const QString& tag, const std::shared_ptr<const engine::Report>& report) {
      if (tag.endsWith("@act/prune") && report) exported(*report);
    });
    connect(&host, &Host::failed, this, [this](const QString& tag, const QString& sentence) {
      if (tag.endsWith("@act/prune")) note_->setText(sentence);
    });
  }

  QString id() const override { return "pruning"; }
  QString title() const override { return tr("Pruning"); }
  std::vector<std::shared_ptr<const engine::Report>> reports() const override {
    std::vector<std::shared_ptr<const engine::Report>> all;
    if (effect_) all.push_back(effect_);
    if (plan_) all.push_back(plan_);
    return all;
  }

 protected:
  void model_opened() override {
    tree_->set_model(host().model());
    effect_.reset();
    measured_ = false;
    plan_.reset();
    planned_.clear();
    metrics_->set_metrics({});
    predictions_->clear();
    set_sliders_to_zero();
    offer_choices();
  }

  void refresh() override {
    const ModelState* model = host().model();
    if (!model) return show_empty(tr("Open a model to switch off heads, neurons and blocks."));
    show_body();
    tree_->set_edits(*model, host().edits());
    show_edits();
    follow_edits();
    apply_->setEnabled(!host().edits().empty());
    reset_->setEnabled(!host().edits().empty());
    if (!host().input()) {
      note_->setText(tr("Give the model an input to see what a change does."));
      return;
    }
    note_->setText({});
    measured_ = false;
    ask("effect", "pruning_effect", {{"eval", false}, {"latency", false}});
    ask("measured", "pruning_effect", {{"eval", model->has_eval_set}, {"latency", true}}, true, Pace::CanWait);
  }

  void answered(const QString& slot, std::shared_ptr<const engine::Report> report) override {
    if (slot == "plan") return take_plan(report);
    if (slot == "effect" && measured_) return;
    measured_ = slot == "measured" && report->fraction_done >= 1;
    show_effect(report);
  }

  void refused(const QString&, const QString& sentence) override {
    note_->setText(sentence);
  }

  void selection_moved() override { tree_->set_picked(host().selection().brushed); }

  void resizeEvent(QResizeEvent* event) override {
    FramedPanel::resizeEvent(event);
    split_->setOrientation(width() >= 620 ? Qt::Horizontal : Qt::Vertical);
  }

 private:
  void build() {
    reset_ = new QPushButton(tr("Re&set"));
    reset_->setObjectName("reset");
    reset_->setToolTip(tr("Takes back every edit in force"));
    connect(reset_, &QPushButton::clicked, this, [this] {
      planned_.clear();
      set_sliders_to_zero();
      this->host().act({{"do", "clear_edits"}});
    });
    apply_ = new QPushButton(tr("&Apply and export…"));
    apply_->setObjectName("apply");
    apply_->setProperty("primary", true);
    apply_->setToolTip(tr("Writes a really smaller model, reloads it and proves that it equals the masked one"));
    connect(apply_, &QPushButton::clicked, this, [this] { apply(); });
    set_controls(control_bar({apply_, reset_}));

    split_ = new QSplitter(Qt::Horizontal);
    split_->setHandleWidth(kGrid);
    split_->setChildrenCollapsible(false);
    split_->addWidget(build_parts());
    split_->addWidget(build_effect());
    split_->setStretchFactor(0, 1);
    split_->setStretchFactor(1, 1);
    // Where the panel is low, it scrolls: no number is cut.
    auto* scroll = new QScrollArea;
    scroll->setWidgetResizable(true);
    scroll->setFrameShape(QFrame::NoFrame);
    scroll->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    scroll->setWidget(split_);
    set_body(scroll);
  }

  QWidget* build_parts() {
    auto* side = new QWidget;
    auto* column = column_of(side);
    column->setSpacing(kGrid);
    heads_ = percent_row(*column, tr("Hea&ds"), "percent_heads", heads_text_);
    neurons_ = percent_row(*column, tr("&Neurons"), "percent_neurons", neurons_text_);
    method_ = new QComboBox;
    method_->setObjectName("method");
    on_ = new QComboBox;
    on_->setObjectName("on");
    on_row_ = labelled(tr("&on"), on_);
    column->addWidget(control_bar({labelled(tr("ranked &by"), method_), on_row_}));
    const auto again = [this] {
      if (!filling_ && (heads_->value() > 0 || neurons_->value() > 0)) slide_.start();
    };
    connect(method_, &QComboBox::currentIndexChanged, this, again);
    connect(on_, &QComboBox::currentIndexChanged, this, again);
    tree_ = new PartTree;
    tree_->setObjectName("parts");
    tree_->setMinimumHeight(8 * kRow);
    connect(tree_, &PartTree::switched, this, [this](const std::set<PartRef>& parts, bool off) {
      const ModelState* model = this->host().model();
      if (!model) return;
      const nlohmann::json command = switch_parts(*model, this->host().edits(), parts, off);
      if (!command.is_null()) this->host().act(command);
    });
    connect(tree_, &PartTree::picked, this, [this](const std::vector<HeadRef>& heads) {
      Selection selection = this->host().selection();
      selection.brushed = heads;
      this->host().select(selection);
    });
    column->addWidget(tree_, 1);
    return side;
  }

  QSlider* percent_row(QVBoxLayout& column, const QString& name, const QString& id, ElidedLabel*& text) {
    auto* row = new QHBoxLayout;
    row->setSpacing(kGrid);
    auto* slider = new QSlider(Qt::Horizontal);
    slider->setObjectName(id);
    slider->setRange(0, 95);
    slider->setPageStep(5);
    slider->setAccessibleName(tr("Share to remove, per cent"));
    QLabel* label = caption(name, slider);
    label->setFixedWidth(56);
    text = new ElidedLabel;
    text->setFixedWidth(128);
    text->set_muted(false);
    row->addWidget(label);
    row->addWidget(slider, 1);
    row->addWidget(text);
    column.addLayout(row);
    connect(slider, &QSlider::valueChanged, this, [this, slider] {
      if (slider == heads_) heads_off_ = -1;
      show_percent();
      slide_.start();
    });
    return slider;
  }

  QWidget* build_effect() {
    auto* side = new QWidget;
    auto* column = column_of(side);
    column->addWidget(heading(tr("Effect")));
    metrics_ = new MetricList;
    metrics_->setObjectName("effect");
    metrics_->set_headings(tr("now"), tr("unpruned"));
    column->addWidget(metrics_);
    note_ = hint({});
    note_->setObjectName("note");
    column->addWidget(note_);
    top_ = new QWidget;
    auto* top = column_of(top_);
    top->addWidget(heading(tr("Top predictions")));
    predictions_ = new ReportTable;
    predictions_->setObjectName("top");
    predictions_->setMinimumHeight(5 * kRow);
    top->addWidget(predictions_, 1);
    column->addWidget(top_, 2);
    column->addWidget(edits_title_ = heading(tr("Edits in force")));
    edits_ = new QListWidget;
    edits_->setObjectName("edits");
    edits_->setUniformItemSizes(true);
    edits_->setMinimumHeight(3 * kRow);
    column->addWidget(edits_, 1);
    return side;
  }

  void offer_choices() {
    filling_ = true;
    const bool predicts = !host().model() || host().model()->predicts;
    fill_choices(*method_,
                 predicts ? choices_of(host(), "prune_plan", "method", {"gradient", "zero", "mean", "confidence"})
                          : std::vector<std::string>{"confidence"},
                 predicts ? default_of(host(), "prune_plan", "method", "gradient") : "confidence");
    on_row_->setVisible(predicts);
    top_->setVisible(predicts);
    fill_choices(*on_, choices_of(host(), "prune_plan", "on", {"eval", "loss", "probability"}),
                 default_of(host(), "prune_plan", "on", "eval"));
    filling_ = false;
    show_percent();
  }

  void show_percent() {
    int heads = 0, neurons = 0;
    if (const ModelState* model = host().model())
      for (const auto& tower : model->towers) {
        for (int n : tower.heads_per_layer) heads += n;
        for (int n : tower.mlp_width) neurons += n;
      }
    const auto text = [](const QSlider* slider, int all, int known) {
      const auto share = known >= 0 ? known : static_cast<int>(std::lround(all * slider->value() / 100.0));
      return tr("%1 %2 · %3 of %4").arg(slider->value()).arg("%").arg(number_text(share), number_text(all));
    };
    heads_text_->set_text(text(heads_, heads, heads_off_));
    neurons_text_->set_text(text(neurons_, neurons, -1));
  }

  /// The slider stands where the heads that are off are, whoever switched them off.
  void follow_edits() {
    const ModelState* model = host().model();
    if (!model || slide_.isActive() || awaits("plan")) return;
    int heads = 0;
    for (const auto& tower : model->towers)
      for (int n : tower.heads_per_layer) heads += n;
    heads_off_ = 0;
    for (const auto& part : parts_off(*model, host().edits())) heads_off_ += part.kind == PartRef::Kind::Head ? 1 : 0;
    const QSignalBlocker quiet(heads_);
    if (heads > 0 && std::lround(heads * heads_->value() / 100.0) != heads_off_)
      heads_->setValue(static_cast<int>(std::lround(100.0 * heads_off_ / heads)));
    show_percent();
  }

  /// Before the first plan the slider takes over the heads that are off already: its share counts them.
  void adopt_heads() {
    for (const auto& edit : host().edits()) {
      const auto parts = parts_off(*host().model(), {edit});
      if (!parts.empty() && std::all_of(parts.begin(), parts.end(), [](const auto& p) { return p.kind == PartRef::Kind::Head; }))
        planned_.push_back(edit);
    }
  }

  void set_sliders_to_zero() {
    for (QSlider* slider : {heads_, neurons_}) {
      const QSignalBlocker quiet(slider);
      slider->setValue(0);
    }
    slide_.stop();
    heads_off_ = 0;
    show_percent();
  }

  void ask_plan() {
    if (!host().model()) return;
    if (planned_.empty()) adopt_heads();
    if (heads_->value() == 0 && neurons_->value() == 0) {
      drop("plan");
      return replace_planned({});
    }
    ask("plan", "prune_plan",
        {{"percent", heads_->value()}, {"percent_neurons", neurons_->value()},
         {"method", method_->currentData().toString().toStdString()},
         {"on", on_->currentData().toString().toStdString()}, {"tower", host().selection().head.tower}},
        false);
  }

  void take_plan(const std::shared_ptr<const engine::Report>& report) {
    if (report->fraction_done < 1) return;
    plan_ = report;
    auto edits = engine::parse_edits(report->text);
    if (!edits) return note_->setText(QString::fromStdString(engine::sentence(edits.error())));
    replace_planned(std::move(*edits));
  }

  /// The slider owns the edits of its last plan: a new plan takes their place, everything else stays.
  void replace_planned(engine::EditList next) {
    engine::EditList all;
    for (const auto& edit : host().edits())
      if (std::find(planned_.begin(), planned_.end(), edit) == planned_.end()) all.push_back(edit);
    for (const auto& edit : next)
      if (std::find(all.begin(), all.end(), edit) == all.end()) all.push_back(edit);
    planned_ = std::move(next);
    if (all != host().edits()) host().act({{"do", "set_edits"}, {"edits", engine::edits_to_json(all)}});
  }

  /// Rows that only the slower answer has stay in place until it comes, and are marked as not of now.
  void show_effect(const std::shared_ptr<const engine::Report>& report) {
    effect_ = report;
    std::vector<engine::Metric> rows = measured_ ? report->metrics : metrics_->metrics();
    std::set<std::string> stale;
    if (!measured_) {
      for (const auto& row : rows) stale.insert(row.name);
      for (const auto& metric : report->metrics) {
        stale.erase(metric.name);
        auto same = std::find_if(rows.begin(), rows.end(), [&](const auto& m) { return m.name == metric.name; });
        if (same == rows.end()) rows.push_back(metric);
        else *same = metric;
      }
    }
    metrics_->set_metrics(std::move(rows), std::move(stale));
    predictions_->set(report, 0);
    const auto why = report->notes.find("size");
    QString note = why == report->notes.end() ? QString() : QString::fromStdString(why->second);
    if (note.isEmpty() && !host().model()->predicts)
      note = tr("This model predicts nothing, so a change shows in its size and speed, and as Difference in the attention panel.");
    note_->setText(note);
    QStringList notes;
    for (const auto& [name, text] : report->notes) notes << QString::fromStdString(name) + ": " + QString::fromStdString(text);
    metrics_->setToolTip(notes.join('\n'));
    show_verified(report.get());
  }

  void show_edits() {
    edits_->clear();
    const auto& edits = host().edits();
    edits_title_->setText(edits.empty() ? tr("Edits in force") : tr("Edits in force · %1").arg(edits.size()));
    if (edits.empty()) {
      auto* item = new QListWidgetItem(tr("None: the model is as it was opened"), edits_);
      item->setFlags(Qt::NoItemFlags);
      item->setForeground(shades(*this).muted);
      return;
    }
    for (const auto& edit : edits) {
      auto* item = new QListWidgetItem(edits_);
      item->setSizeHint({0, kRow});
      auto* row = new QWidget;
      auto* line = new QHBoxLayout(row);
      line->setContentsMargins(kGrid, 0, 2, 0);
      auto* text = new ElidedLabel;
      text->set_text(QString::fromStdString(engine::describe(edit)));
      text->set_muted(false);
      auto* remove = icon_button("close", tr("Take this edit back"), this);
      remove->setFixedSize(22, 22);
      remove->setIconSize({12, 12});
      connect(remove, &QToolButton::clicked, this, [this, edit] {
        this->host().act({{"do", "remove_edits"}, {"edits", engine::edits_to_json({edit})}});
      });
      line->addWidget(text, 1);
      line->addWidget(remove);
      edits_->setItemWidget(item, row);
    }
  }

  void apply() {
    const QString folder = QFileDialog::getSaveFileName(this, tr("Export the smaller model to a new folder"), in_last_folder("pruned"));
    if (folder.isEmpty()) return;
    remember_folder_of(folder);
    host().act({{"do", "compress"}, {"method", "prune"}, {"params", nlohmann::json::object()}, {"out", folder.toStdString()}});
  }

  /// What came of "Apply and export": where it is, and that it equals the masked model.
  void exported(const engine::Report& report) {
    note_->setText(tr("Exported to %1: %2.").arg(QString::fromStdString(report.text), QString::fromStdString(report.verified.how)));
    show_verified(&report);
  }

  QTimer slide_;
  bool filling_ = false;
  int heads_off_ = 0;   ///< -1: the slider is being moved
  engine::EditList planned_;
  std::shared_ptr<const engine::Report> effect_, plan_;
  bool measured_ = false;   ///< `effect_` is the slower, whole answer for the edits in force
  QPushButton *reset_ = nullptr, *apply_ = nullptr;
  QSplitter* split_ = nullptr;
  QComboBox *method_ = nullptr, *on_ = nullptr;
  QSlider *heads_ = nullptr, *neurons_ = nullptr;
  ElidedLabel *heads_text_ = nullptr, *neurons_text_ = nullptr;
  QWidget *on_row_ = nullptr, *top_ = nullptr;
  PartTree* tree_ = nullptr;
  MetricList* metrics_ = nullptr;
  QLabel *note_ = nullptr, *edits_title_ = nullptr;
  ReportTable* predictions_ = nullptr;
  QListWidget* edits_ = nullptr;
};

}  // namespace

std::unique_ptr<Panel> make_pruning_panel(Host& host) { return std::make_unique<PruningPanel>(host); }

}  // namespace vitrine::views
