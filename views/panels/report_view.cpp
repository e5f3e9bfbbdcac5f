#include "views/panels/report_view.h"

#include <QLabel>
#include <QVBoxLayout>

#include "views/figure/figure_view.h"
#include "views/panels/controls.h"
#include "views/panels/looks.h"
#include "views/panels/metric_list.h"
#include "views/panels/report_table.h"

namespace vitrine::views {

ReportView::ReportView(QWidget* parent) : QWidget(parent) {
  auto* column = column_of(this);
  column->addWidget(title_ = heading({}));
  column->addWidget(subtitle_ = new ElidedLabel);
  column->addWidget(metrics_ = new MetricList);
  figure_ = new FigureView;
  figure_->setObjectName("figure");
  figure_->set_options(panel_figure());
  column->addWidget(figure_, 3);
  column->addWidget(pointed_ = new ElidedLabel);
  table_ = new ReportTable;
  table_->setObjectName("table");
  column->addWidget(table_, 2);
  text_ = hint({});
  text_->setTextInteractionFlags(Qt::TextSelectableByMouse);
  column->addWidget(text_);
  column->addStretch(0);
  connect(figure_, &FigureView::hovered, this, [this](const Hit&, const QString& text) { pointed_->set_text(text); });
  connect(figure_, &FigureView::left, this, [this] { pointed_->set_text({}); });
  set_report(nullptr);
}

void ReportView::set_report(std::shared_ptr<const engine::Report> report) {
  report_ = std::move(report);
  const bool any = report_ != nullptr;
  title_->setText(any ? QString::fromStdString(report_->title) : QString());
  subtitle_->set_text(any ? QString::fromStdString(report_->subtitle) : QString());
  subtitle_->setVisible(any && !report_->subtitle.empty());
  metrics_->set_metrics(any ? report_->metrics : std::vector<engine::Metric>{});
  metrics_->setVisible(any && !report_->metrics.empty());
  const bool drawn = any && report_->picture != engine::PictureKind::Table && report_->picture != engine::PictureKind::Text;
  figure_->set_report(drawn ? report_ : nullptr);
  figure_->setVisible(drawn);
  pointed_->setVisible(drawn);
  table_->set(report_, 0);
  table_->setVisible(any && !report_->tables.empty());
  QString text = any ? QString::fromStdString(report_->text) : QString();
  if (text.size() > 4000) text = text.left(4000) + QStringLiteral(" …");
  text_->setText(text);
  text_->setVisible(!text.isEmpty());
}

}  // namespace vitrine::views
