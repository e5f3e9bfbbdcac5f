#include <QApplication>
#include <QHBoxLayout>
#include <QLabel>
#include <QLineEdit>
#include <QListWidget>
#include <QPushButton>
#include <QSplitter>
#include <QVBoxLayout>

#include "views/panels/controls.h"
#include "views/panels/form.h"
#include "views/panels/frame.h"
#include "views/panels/panels.h"
#include "views/panels/report_view.h"
#include "views/panels/style.h"

namespace vitrine::views {

namespace {

/// Any registered analysis: a form from its parameters, and its report. Analyses of plugins appear by themselves.
class AnalysesPanel : public FramedPanel {
 public:
  explicit AnalysesPanel(Host& host) : FramedPanel(host) {
    build();
    fill_list();
  }

  QString id() const override { return "analyses"; }
  QString title() const override { return tr("Analyses"); }
  Reports reports() const override { return one_or_none(report_); }

 protected:
  bool needs_run() const override { return false; }
  void model_opened() override {
    report_.reset();
    view_->set_report(nullptr);
    ran_ = false;
    settings_changed(host().view_settings(id()));
  }

  /// `{"analysis": id}` chooses one, as the command palette does; with `params` and `run` it is also run, as an
  /// `analyse` act of the journal does.
  void settings_changed(const nlohmann::json& settings) override {
    const auto chosen = settings.is_object() ? settings.find("analysis") : settings.end();
    if (!settings.is_object() || chosen == settings.end() || !chosen->is_string()) return;
    search_->clear();
    for (int i = 0; i < list_->count(); ++i)
      if (list_->item(i)->data(Qt::UserRole).toString().toStdString() == chosen->get<std::string>()) list_->setCurrentRow(i);
    if (const auto params = settings.find("params"); params != settings.end()) form_->set_values(*params);
    if (!settings.contains("run") || settings["run"] != true || current_id().toStdString() != *chosen) return;
    ran_ = true;
    note_->setText({});
    schedule_refresh();
  }

  void refresh() override {
    if (list_->count() != static_cast<int>(host().analyses().entries().size())) fill_list();
    if (!host().model()) return show_empty(tr("Open a model; then choose an analysis, set its parameters and run it."));
    show_body();
    // Only what was run once follows the input and the edits: a form that is being filled in computes nothing.
    if (ran_ && (host().input() || !needs_input())) run();
  }

  void answered(const QString&, std::shared_ptr<const engine::Report> report) override {
    report_ = report;
    view_->set_report(report);
    note_->setText({});
    show_verified(report.get());
  }

  void refused(const QString&, const QString& sentence) override {
    report_.reset();
    view_->set_report(nullptr);
    note_->setText(sentence);
    show_verified(nullptr);
  }

 private:
  void build() {
    auto* across = new QSplitter(Qt::Horizontal);
    across->setHandleWidth(kGrid);
    across->setChildrenCollapsible(false);
    auto* left = new QWidget;
    auto* column = column_of(left);
    column->setSpacing(kGrid);
    search_ = new QLineEdit;
    search_->setObjectName("search");
    search_->setPlaceholderText(tr("Search analyses"));
    search_->setClearButtonEnabled(true);
    column->addWidget(search_);
    list_ = new QListWidget;
    list_->setObjectName("list");
    list_->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    list_->setTextElideMode(Qt::ElideRight);
    column->addWidget(list_, 1);
    summary_ = hint({});
    column->addWidget(summary_);
    form_ = new ParamForm;
    form_->setObjectName("form");
    column->addWidget(form_);
    run_ = new QPushButton(tr("R&un"));
    run_->setObjectName("run");
    run_->setProperty("primary", true);
    column->addWidget(run_);
    across->addWidget(left);
    auto* right = new QWidget;
    auto* show = column_of(right);
    note_ = hint({});
    note_->setObjectName("note");
    show->addWidget(note_);
    view_ = new ReportView;
    show->addWidget(view_, 1);
    across->addWidget(right);
    across->setStretchFactor(0, 0);
    across->setStretchFactor(1, 1);
    across->setSizes({240, 480});
    set_body(across);
    connect(search_, &QLineEdit::textChanged, this, [this] { filter(); });
    connect(list_, &QListWidget::currentItemChanged, this, [this] { show_analysis(); });
    connect(list_, &QListWidget::itemActivated, this, [this] { run(); });
    connect(run_, &QPushButton::clicked, this, [this] { run(); });
  }

  void fill_list() {
    const QString kept = current_id();
    list_->clear();
    for (const auto& [name, analysis] : host().analyses().entries()) {
      auto* item = new QListWidgetItem(QString::fromStdString(analysis->info().title), list_);
      item->setData(Qt::UserRole, QString::fromStdString(name));
      item->setToolTip(QString::fromStdString(analysis->info().summary));
      if (QString::fromStdString(name) == kept) list_->setCurrentItem(item);
    }
    list_->sortItems();
    if (!list_->currentItem() && list_->count() > 0) list_->setCurrentRow(0);
    filter();
  }

  void filter() {
    for (int i = 0; i < list_->count(); ++i) {
      QListWidgetItem* item = list_->item(i);
      const QString text = item->text() + " " + item->data(Qt::UserRole).toString() + " " + item->toolTip();
      item->setHidden(!text.contains(search_->text(), Qt::CaseInsensitive));
    }
  }

  QString current_id() const {
    return list_->currentItem() ? list_->currentItem()->data(Qt::UserRole).toString() : QString();
  }

  void show_analysis() {
    const auto* found = host().analyses().find(current_id().toStdString());
    run_->setEnabled(found != nullptr);
    if (!found) return;
    const engine::AnalysisInfo& info = (*found)->info();
    QString text = QString::fromStdString(info.summary);
    if (!info.source.empty()) text += tr(" Source: %1.").arg(QString::fromStdString(info.source));
    summary_->setText(text);
    form_->set_params(info.params);
    ran_ = false;
    drop("run");
    report_.reset();
    view_->set_report(nullptr);
    show_verified(nullptr);
    note_->setText(tr("Set the parameters and press Run, or double-click the analysis."));
  }

  bool needs_input() const {
    const auto* found = host().analyses().find(current_id().toStdString());
    return found && (*found)->info().needs_input;
  }

  void run() {
    if (current_id().isEmpty() || !host().model()) return;
    ran_ = true;
    note_->setText({});
    ask("run", current_id().toStdString(), form_->values());
  }

  bool ran_ = false;
  std::shared_ptr<const engine::Report> report_;
  QLineEdit* search_ = nullptr;
  QListWidget* list_ = nullptr;
  QLabel *summary_ = nullptr, *note_ = nullptr;
  ParamForm* form_ = nullptr;
  QPushButton* run_ = nullptr;
  ReportView* view_ = nullptr;
};

}  // namespace

std::unique_ptr<Panel> make_analyses_panel(Host& host) { return std::make_unique<AnalysesPanel>(host); }

}  // namespace vitrine::views
