#include <QLabel>
#include <QVBoxLayout>

#include "views/panels/controls.h"
#include "views/panels/frame.h"
#include "views/panels/metric_list.h"
#include "views/panels/panels.h"
#include "views/panels/report_table.h"
#include "views/panels/style.h"

namespace vitrine::views {

namespace {

/// What the opened model is: its card as it came with the model, then the full one once it is computed.
class CardPanel : public FramedPanel {
 public:
  explicit CardPanel(Host& host) : FramedPanel(host) {
    set_follows({.input = true, .edits = false});
    auto* body = new QWidget;
    auto* column = column_of(body);
    column->addWidget(name_ = heading({}));
    column->addWidget(subtitle_ = new ElidedLabel);
    column->addSpacing(kGrid / 2);
    column->addWidget(metrics_ = new MetricList);
    column->addSpacing(kGrid / 2);
    table_ = new ReportTable;
    table_->setObjectName("card");
    table_->setSortingEnabled(false);
    column->addWidget(table_, 1);
    column->addWidget(text_ = hint({}));
    text_->setTextInteractionFlags(Qt::TextSelectableByMouse);
    set_body(body);
    model_opened();
  }

  QString id() const override { return "card"; }
  QString title() const override { return tr("Model card"); }
  Reports reports() const override { return one_or_none(report_); }

 protected:
  bool needs_run() const override { return false; }
  void model_opened() override {
    report_.reset();
    if (const ModelState* model = host().model()) show(std::make_shared<engine::Report>(model->card));
  }

  void refresh() override {
    if (!host().model()) return show_empty(tr("No model is open. Drag a folder or file here, or take a demo from the list."));
    show_body();
    ask("card", "model_card");
  }

  void answered(const QString&, std::shared_ptr<const engine::Report> report) override { show(report); }

  void refused(const QString&, const QString& sentence) override {
    if (!report_ || report_->tables.empty()) show_error(sentence);
  }

 private:
  void show(const std::shared_ptr<const engine::Report>& report) {
    report_ = report;
    const ModelState* model = host().model();
    name_->setText(model ? QString::fromStdString(model->name) : QString());
    subtitle_->set_text(QString::fromStdString(report->subtitle.empty() && model ? model->architecture : report->subtitle));
    metrics_->set_metrics(report->metrics);
    metrics_->setVisible(!report->metrics.empty());
    table_->set(report, 0);
    table_->setVisible(!report->tables.empty());
    text_->setText(QString::fromStdString(report->text));
    text_->setVisible(!report->text.empty());
    show_verified(report.get());
  }

  std::shared_ptr<const engine::Report> report_;
  QLabel *name_ = nullptr, *text_ = nullptr;
  ElidedLabel* subtitle_ = nullptr;
  MetricList* metrics_ = nullptr;
  ReportTable* table_ = nullptr;
};

}  // namespace

std::unique_ptr<Panel> make_card_panel(Host& host) { return std::make_unique<CardPanel>(host); }

}  // namespace vitrine::views
