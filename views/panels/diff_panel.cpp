#include <QFileDialog>
#include <QLineEdit>
#include <QPushButton>
#include <QSplitter>
#include <QVBoxLayout>

#include "views/figure/figure_view.h"
#include "views/panels/controls.h"
#include "views/panels/folders.h"
#include "views/panels/frame.h"
#include "views/panels/looks.h"
#include "views/panels/metric_list.h"
#include "views/panels/panels.h"
#include "views/panels/part_edits.h"
#include "views/panels/report_table.h"
#include "views/panels/style.h"

namespace vitrine::views {

namespace {

/// How far another checkpoint is from the open one: tensors ranked by change, and a map of the heads that they touch.
class DiffPanel : public FramedPanel {
 public:
  explicit DiffPanel(Host& host) : FramedPanel(host) {
    set_follows({.input = false, .edits = false});
    build();
    model_opened();
  }

  QString id() const override { return "diff"; }
  QString title() const override { return tr("Checkpoint diff"); }
  Reports reports() const override { return one_or_none(report_); }

 protected:
  bool needs_run() const override { return false; }

  void model_opened() override {
    report_.reset();
    show(nullptr);
    settings_changed(host().view_settings(id()));
  }

  void refresh() override {
    if (!host().model()) return show_empty(tr("Open a model; then choose the checkpoint that it is compared with."));
    if (host().model()->opening) return show_empty(tr("The weights are being read."));
    show_body();
    if (report_ || asked_.empty()) return;
    note_->set_text({});
    ask("diff", "checkpoint_diff", {{"against", asked_}, {"tower", host().selection().head.tower}});
  }

  void answered(const QString&, std::shared_ptr<const engine::Report> report) override { show(report); }

  void refused(const QString&, const QString& sentence) override {
    show(nullptr);
    asked_.clear();
    note_->set_text(sentence);
  }

  /// `{"against": MODEL}`: an act of the journal, so undo goes back to the comparison before.
  void settings_changed(const nlohmann::json& settings) override {
    std::string against;
    if (settings.is_object() && settings.contains("against") && settings["against"].is_string()) against = settings["against"].get<std::string>();
    against_->setText(QString::fromStdString(against));
    if (against != asked_) show(nullptr);
    asked_ = against;
    schedule_refresh();
  }

  void selection_moved() override { mark(); }
  FigureOptions figure_options(std::size_t) const override { return heat_->options(); }

 private:
  void build() {
    against_ = new QLineEdit;
    against_->setObjectName("against");
    against_->setPlaceholderText(tr("Folder or file of the other checkpoint"));
    against_->setMinimumWidth(32 * kGrid);
    auto* file = new QPushButton(tr("&File…"));
    auto* folder = new QPushButton(tr("F&older…"));
    auto* compare = new QPushButton(tr("&Compare"));
    compare->setObjectName("compare");
    compare->setProperty("primary", true);
    set_controls(control_bar({labelled(tr("&Against"), against_), file, folder, compare}));
    auto* body = new QWidget;
    auto* column = column_of(body);
    column->addWidget(note_ = new ElidedLabel);
    note_->setObjectName("note");
    auto* across = new QSplitter(Qt::Horizontal);
    heat_ = new FigureView;
    heat_->setObjectName("heat");
    FigureOptions look = panel_figure();
    look.array = 0;
    heat_->set_options(look);
    across->addWidget(heat_);
    across->addWidget(metrics_ = new MetricList);
    across->setSizes({600, 300});
    auto* down = new QSplitter(Qt::Vertical);
    for (QSplitter* split : {across, down}) {
      split->setHandleWidth(kGrid);
      split->setChildrenCollapsible(false);
    }
    auto* below = new QWidget;
    auto* tables = column_of(below);
    which_ = new Segmented({tr("Tensors"), tr("Heads"), tr("Not compared")});
    which_->setObjectName("which");
    tables->addWidget(which_, 0, Qt::AlignLeft);
    ranking_ = new ReportTable;
    ranking_->setObjectName("ranking");
    ranking_->set_empty_text(tr("Choose a checkpoint and press Compare"));
    tables->addWidget(ranking_, 1);
    down->addWidget(across);
    down->addWidget(below);
    down->setSizes({340, 420});
    column->addWidget(down, 1);
    set_body(body);
    connect(file, &QPushButton::clicked, this, [this] { take(QFileDialog::getOpenFileName(this, tr("The other checkpoint"), last_folder())); });
    connect(folder, &QPushButton::clicked, this, [this] { take(QFileDialog::getExistingDirectory(this, tr("Folder of the other checkpoint"), last_folder())); });
    connect(compare, &QPushButton::clicked, this, [this] { compare_now(); });
    connect(against_, &QLineEdit::returnPressed, this, [this] { compare_now(); });
    connect(which_, &Segmented::chosen, this, [this] { show_table(); });
    connect(heat_, &FigureView::clicked, this, [this](const Hit& hit, Qt::KeyboardModifiers) {
      if (hit.index.size() >= 2) pick({{.tower = tower(), .layer = hit.index[0], .head = hit.index[1]}});
    });
    connect(heat_, &FigureView::hovered, this, [this](const Hit&, const QString& text) { note_->set_text(text); });
    connect(heat_, &FigureView::left, this, [this] { note_->set_text(notes_); });
    connect(ranking_, &ReportTable::picked, this, [this](const QList<int>& rows) {
      std::vector<HeadRef> heads;
      for (const int row : rows)
        for (const HeadRef& head : heads_of(row)) heads.push_back(head);
      if (!heads.empty()) pick(std::move(heads));
    });
  }

  void take(const QString& path) {
    if (path.isEmpty()) return;
    remember_folder_of(path);
    against_->setText(path);
    compare_now();
  }

  void compare_now() {
    const std::string against = against_->text().trimmed().toStdString();
    if (against.empty()) return against_->setFocus();
    report_.reset();
    asked_ = against;
    save_view({{"against", against}});
    schedule_refresh();
  }

  void show(const std::shared_ptr<const engine::Report>& report) {
    report_ = report;
    const bool map = report && report->picture == engine::PictureKind::HeatMap;
    heat_->set_report(map ? report : nullptr);
    heat_->setVisible(map);
    metrics_->set_metrics(report ? report->metrics : std::vector<engine::Metric>{});
    metrics_->setVisible(report != nullptr);
    QStringList parts;
    if (report)
      for (const auto& [name, text] : report->notes) parts << QString::fromStdString(name + ": " + text);
    notes_ = parts.join(QStringLiteral("  ·  "));
    note_->set_text(notes_);
    const char* const names[] = {"tensors", "heads", "not compared"};
    for (int i = 0; i < 3; ++i) which_->set_choice_enabled(i, i == 0 || table_at(names[i]) >= 0);
    which_->set_current(0);
    show_table();
    show_verified(report.get());
    mark();
  }

  int table_at(const char* name) const {
    for (std::size_t i = 0; report_ && i < report_->tables.size(); ++i)
      if (report_->tables[i].name == name) return static_cast<int>(i);
    return -1;
  }

  void show_table() {
    const char* const names[] = {"tensors", "heads", "not compared"};
    const int at = table_at(names[which_->current()]);
    ranking_->set(at < 0 ? nullptr : report_, at < 0 ? 0 : static_cast<std::size_t>(at));
    ranking_->hide_columns(which_->current() == 0 ? QStringList{"part", "not finite"} : QStringList{});
  }

  std::string tower() const { return host().selection().head.tower; }

  /// The heads that a row is about: one, or all of the layer whose mixer the tensor is part of.
  std::vector<HeadRef> heads_of(int row) const {
    const engine::Table* table = ranking_->table();
    const ModelState* model = host().model();
    if (!table || !model || row < 0 || row >= static_cast<int>(table->rows.size())) return {};
    const auto& cells = table->rows[static_cast<std::size_t>(row)];
    const auto* first = std::get_if<std::string>(&cells.front());
    if (table->name == "heads" && first) {
      if (const auto head = parse_head(*first, tower())) return {*head};
      return {};
    }
    const auto* part = std::get_if<std::string>(&cells.back());
    std::vector<HeadRef> heads;
    for (const auto& state : model->towers)
      for (std::size_t l = 0; part && l < state.mixer_sites.size(); ++l)
        if (!state.mixer_sites[l].empty() && part->rfind(state.mixer_sites[l] + ".", 0) == 0)
          for (int h = 0; h < state.heads_per_layer[l]; ++h) heads.push_back({.tower = state.prefix, .layer = static_cast<int>(l), .head = h});
    return heads;
  }

  /// The first becomes the head that the other panels show; all of them are marked there.
  void pick(std::vector<HeadRef> heads) {
    Selection selection = host().selection();
    selection.head = heads.front();
    selection.brushed = std::move(heads);
    host().select(selection);
  }

  void mark() {
    std::vector<Mark> marks;
    for (const auto& head : host().selection().brushed)
      if (head.tower == tower()) marks.push_back({.tag = "cell " + std::to_string(head.layer) + " " + std::to_string(head.head)});
    heat_->set_marks(std::move(marks));
  }

  std::shared_ptr<const engine::Report> report_;
  std::string asked_;
  QString notes_;
  QLineEdit* against_ = nullptr;
  ElidedLabel* note_ = nullptr;
  FigureView* heat_ = nullptr;
  MetricList* metrics_ = nullptr;
  Segmented* which_ = nullptr;
  ReportTable* ranking_ = nullptr;
};

}  // namespace

std::unique_ptr<Panel> make_diff_panel(Host& host) { return std::make_unique<DiffPanel>(host); }

}  // namespace vitrine::views
