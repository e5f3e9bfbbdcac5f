#include <map>

#include <QFileDialog>
#include <QHBoxLayout>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QSpinBox>
#include <QSplitter>
#include <QTimer>
#include <QVBoxLayout>

#include "views/panels/controls.h"
#include "views/panels/folders.h"
#include "views/panels/frame.h"
#include "views/panels/histogram_strip.h"
#include "views/panels/looks.h"
#include "views/panels/panels.h"
#include "views/panels/report_table.h"
#include "views/panels/style.h"
#include "views/panels/tensor_map.h"
#include "views/panels/tensor_tree.h"

namespace vitrine::views {

namespace {

constexpr int kCells = 1 << 20;          ///< of the picture that comes with the statistics
constexpr std::size_t kMostAxes = 8;     ///< with a box each
constexpr std::size_t kTreeUpTo = 20'000;

/// What any weights file holds: a tree of tensors, and of the chosen one statistics, histogram and values.
class TensorsPanel : public FramedPanel {
 public:
  explicit TensorsPanel(Host& host) : FramedPanel(host) {
    set_follows({.input = false, .edits = false});
    build();
    model_opened();
  }

  QString id() const override { return "tensors"; }
  QString title() const override { return tr("Tensors"); }
  std::vector<std::shared_ptr<const engine::Report>> reports() const override {
    std::vector<std::shared_ptr<const engine::Report>> all;
    if (tensor_) all.push_back(tensor_);
    if (list_) all.push_back(list_);
    return all;
  }

 protected:
  bool needs_run() const override { return false; }

  void model_opened() override {
    list_.reset();
    chosen_.clear();
    slice_.clear();
    show_tensor(nullptr);
    const ModelState* model = host().model();
    show_tensors(model ? model->tensors : nullptr);
    settings_changed(host().view_settings(id()));
  }

  void refresh() override {
    const ModelState* model = host().model();
    if (!model) return show_empty(tr("Open any weights file: its tensors are listed here, also where it cannot run."));
    show_body();
    if (!list_ && !model->opening && !many()) ask("list", "tensors");
    if (!chosen_.empty() && !model->opening) ask_tensor();
  }

  void answered(const QString& slot, std::shared_ptr<const engine::Report> report) override {
    if (slot == "list") {
      list_ = report;
    } else if (slot == "tensor") {
      show_tensor(report);
    } else if (slot == "export") {
      host().tell(QString::fromStdString(report->text));
    } else if (const auto tile = tiles_.find(slot); tile != tiles_.end()) {
      if (!report->arrays.empty()) map_->set_tile(tile->second, report->arrays[0].values);
      tiles_.erase(tile);
    }
  }

  void refused(const QString& slot, const QString& sentence) override {
    if (slot == "list" || slot == "export") return host().tell(sentence);
    if (slot != "tensor") return;
    show_tensor(nullptr);
    about_->set_text(sentence);
  }

  /// `{"tensor": name, "slice": "0,:,:"}`: what was looked at when the session was saved.
  void settings_changed(const nlohmann::json& settings) override {
    if (!settings.is_object() || !settings.contains("tensor") || !settings["tensor"].is_string()) return;
    choose(settings["tensor"].get<std::string>());
    if (settings.contains("slice") && settings["slice"].is_string()) slice_ = settings["slice"].get<std::string>();
    fill_axes();
  }

  void theme_moved() override { dress_map(); }

  /// The table of a million tensors is made for those who take it away.
  void export_wanted() override {
    if (tensors_ && !list_ && !awaits("list")) ask("list", "tensors");
  }

 private:
  void build() {
    search_ = new QLineEdit;
    search_->setObjectName("search");
    search_->setPlaceholderText(tr("Search: words, or * and ?"));
    search_->setClearButtonEnabled(true);
    search_->setMinimumWidth(30 * kGrid);
    view_ = new Segmented({tr("Tree"), tr("List")});
    count_ = caption({});
    range_ = new Segmented({tr("4 σ"), tr("Full range")});
    range_->setToolTip(tr("Colours up to four standard deviations, or up to the largest value"));
    export_npy_ = new QPushButton(tr("Save as .&npy…"));
    export_npy_->setObjectName("npy");
    export_npy_->setEnabled(false);
    set_controls(control_bar({search_, view_, count_, range_, export_npy_}));
    auto* across = new QSplitter(Qt::Horizontal);
    across->setHandleWidth(kGrid);
    across->setChildrenCollapsible(false);
    tree_ = new TensorTree;
    tree_->setObjectName("tree");
    across->addWidget(tree_);
    across->addWidget(build_detail());
    across->setStretchFactor(0, 0);
    across->setStretchFactor(1, 1);
    across->setSizes({420, 560});
    set_body(across);
    typing_.setSingleShot(true);
    typing_.setInterval(120);
    connect(search_, &QLineEdit::textChanged, &typing_, qOverload<>(&QTimer::start));
    connect(&typing_, &QTimer::timeout, this, [this] { fill_tree(); });
    connect(range_, &Segmented::chosen, this, [this](int i) { map_->set_full_range(i == 1); });
    connect(view_, &Segmented::chosen, this, [this] { fill_tree(); });
    connect(tree_, &TensorTree::arranged, this, [this] { tree_stands(); });
    connect(tree_, &TensorTree::chosen, this, [this](const QString& name) {
      if (name.toStdString() == chosen_) return;
      choose(name.toStdString());
      keep();
      schedule_refresh();
    });
    connect(export_npy_, &QPushButton::clicked, this, [this] { export_npy(); });
    connect(map_, &TensorMap::wanted, this, [this](const TensorMap::Wanted& tile) { ask_tile(tile); });
  }

  QWidget* build_detail() {
    auto* detail = new QWidget;
    auto* column = column_of(detail);
    column->addWidget(name_ = new ElidedLabel);
    name_->set_muted(false);
    column->addWidget(about_ = new ElidedLabel);
    statistics_ = new ReportTable;
    statistics_->setObjectName("statistics");
    statistics_->setSortingEnabled(false);
    statistics_->setFocusPolicy(Qt::ClickFocus);
    column->addWidget(statistics_);
    column->addWidget(histogram_ = new HistogramStrip);
    axes_ = new QWidget;
    new FlowLayout(axes_, kGrid);
    column->addWidget(axes_);
    map_ = new TensorMap;
    map_->setObjectName("map");
    dress_map();
    column->addWidget(map_, 1);
    return detail;
  }

  void dress_map() {
    map_->set_theme(canvas_theme(*this));
    MapSettings look = map_->settings();
    look.table = color_table(default_color_map());
    look.diverging_table = diverging_table(*this);
    map_->set_settings(look);
  }

  bool many() const { return tensors_ && tensors_->size() > kTreeUpTo; }

  void show_tensors(const std::shared_ptr<const engine::TensorList>& tensors) {
    if (tensors && tensors == tensors_) return;
    tensors_ = tensors;
    if (many()) view_->set_current(1);
    fill_tree();
    if (chosen_.empty() && tensors_ && tensors_->size() > 0) about_->set_text(tr("Choose a tensor to see its values"));
  }

  void fill_tree() { tree_->set(tensors_, search_->text(), view_->current() == 1); }

  void tree_stands() {
    const int all = tensors_ ? static_cast<int>(tensors_->size()) : 0;
    const int shown = tree_->tensors()->shown();
    count_->setText(shown == all ? tr("%1 tensors").arg(number_text(all, 9)) : tr("%1 of %2").arg(number_text(shown, 9), number_text(all, 9)));
    if (!chosen_.empty()) tree_->select(chosen_);
  }

  void choose(const std::string& name) {
    if (name != chosen_) {
      slice_.clear();
      drop_tiles();
      show_tensor(nullptr);
    }
    chosen_ = name;
    name_->set_text(QString::fromStdString(name));
    tree_->select(name);
    fill_axes();
  }

  void keep() { host().keep_view(id(), {{"tensor", chosen_}, {"slice", slice_}}); }

  std::vector<std::int64_t> chosen_shape() const {
    for (std::size_t i = 0; tensors_ && !chosen_.empty() && i < tensors_->size(); ++i)
      if (const engine::ListedTensor entry = tensors_->at(i); entry.name == chosen_) return {entry.shape.begin(), entry.shape.end()};
    return {};
  }

  /// A box an axis for tensors of more than two: a position, or ":" for an axis that is drawn.
  void fill_axes() {
    qDeleteAll(axes_->findChildren<QWidget*>(Qt::FindDirectChildrenOnly));
    boxes_.clear();
    const auto shape = chosen_shape();
    axes_->setVisible(shape.size() > 2 && shape.size() <= kMostAxes);
    if (axes_->isHidden()) return;
    const QStringList parts = QString::fromStdString(slice_).split(',');
    for (std::size_t axis = 0; axis < shape.size(); ++axis) {
      auto* box = new QSpinBox;
      box->setObjectName(QStringLiteral("axis_%1").arg(axis));
      box->setRange(-1, static_cast<int>(std::clamp<std::int64_t>(shape[axis] - 1, 0, 1 << 30)));
      box->setSpecialValueText(QStringLiteral(":"));
      box->setToolTip(tr("Position along axis %1 of %2, or : to draw it").arg(axis).arg(shape[axis]));
      box->setKeyboardTracking(false);
      const bool drawn = slice_.empty() ? axis + 2 >= shape.size() : parts.value(static_cast<qsizetype>(axis)) == QLatin1String(":");
      box->setValue(drawn ? -1 : slice_.empty() ? 0 : parts.value(static_cast<qsizetype>(axis)).toInt());
      axes_->layout()->addWidget(labelled(tr("Axis %1").arg(axis), box));
      boxes_.push_back(box);
      connect(box, &QSpinBox::valueChanged, this, [this] { take_slice(); });
    }
  }

  void take_slice() {
    QStringList parts;
    for (const QSpinBox* box : boxes_) parts << (box->value() < 0 ? QStringLiteral(":") : QString::number(box->value()));
    slice_ = parts.join(',').toStdString();
    drop_tiles();
    keep();
    ask_tensor();
  }

  void ask_tensor() { ask("tensor", "tensor", {{"name", chosen_}, {"slice", slice_}, {"cells", kCells}}); }

  void ask_tile(const TensorMap::Wanted& tile) {
    const QString slot = QStringLiteral("tile_%1_%2_%3").arg(tile.key.level).arg(tile.key.row).arg(tile.key.col);
    tiles_[slot] = tile.key;
    ask(slot, "tensor_values",
        {{"name", chosen_}, {"slice", slice_}, {"rows", std::to_string(tile.row0) + ":" + std::to_string(tile.row1)},
         {"cols", std::to_string(tile.col0) + ":" + std::to_string(tile.col1)}, {"pool", tile.pool}});
  }

  void drop_tiles() {
    for (const auto& [slot, key] : tiles_) drop(slot);
    tiles_.clear();
  }

  void show_tensor(const std::shared_ptr<const engine::Report>& report) {
    tensor_ = report;
    name_->set_text(QString::fromStdString(chosen_));
    about_->set_text(report ? QString::fromStdString(report->subtitle.substr(report->subtitle.find("·") == std::string::npos ? 0 : report->subtitle.find("·") + 3)) : QString());
    statistics_->set(report, 0);
    statistics_->setVisible(report != nullptr);
    statistics_->setFixedHeight(32 + 22 * (report && !report->tables.empty() ? static_cast<int>(report->tables[0].rows.size()) : 1));
    histogram_->set_report(report);
    histogram_->setVisible(report != nullptr);
    map_->show(report);
    map_->setVisible(report != nullptr);
    export_npy_->setEnabled(report != nullptr);
    show_verified(report.get());
  }

  void export_npy() {
    const QString path = QFileDialog::getSaveFileName(this, tr("Save the tensor"), in_last_folder(QString::fromStdString(chosen_).replace('/', '_') + ".npy"),
                                                      QStringLiteral("NumPy (*.npy)"));
    if (path.isEmpty()) return;
    remember_folder_of(path);
    ask("export", "tensor_export", {{"name", chosen_}, {"out", path.endsWith(".npy") ? path.toStdString() : path.toStdString() + ".npy"}});
  }

  std::shared_ptr<const engine::TensorList> tensors_;
  std::shared_ptr<const engine::Report> list_, tensor_;
  std::string chosen_, slice_;
  std::map<QString, TileKey> tiles_;
  QTimer typing_;
  QLineEdit* search_ = nullptr;
  Segmented *view_ = nullptr, *range_ = nullptr;
  QLabel* count_ = nullptr;
  QPushButton* export_npy_ = nullptr;
  TensorTree* tree_ = nullptr;
  ElidedLabel *name_ = nullptr, *about_ = nullptr;
  ReportTable* statistics_ = nullptr;
  HistogramStrip* histogram_ = nullptr;
  QWidget* axes_ = nullptr;
  std::vector<QSpinBox*> boxes_;
  TensorMap* map_ = nullptr;
};

}  // namespace

std::unique_ptr<Panel> make_tensors_panel(Host& host) { return std::make_unique<TensorsPanel>(host); }

}  // namespace vitrine::views
