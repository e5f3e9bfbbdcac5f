#pragma once

#include <memory>

#include <QWidget>

#include "engine/report/report.h"

class QLabel;

namespace vitrine::views {

class FigureView;
class MetricList;
class ReportTable;
class ElidedLabel;

/// Any report: its numbers, its figure or table, its text. What an analysis that nobody foresaw is shown with.
class ReportView : public QWidget {
  Q_OBJECT
 public:
  explicit ReportView(QWidget* parent = nullptr);
  void set_report(std::shared_ptr<const engine::Report> report);
  [[nodiscard]] FigureView* figure() const { return figure_; }
  [[nodiscard]] ReportTable* table() const { return table_; }

 private:
  std::shared_ptr<const engine::Report> report_;
  QLabel *title_ = nullptr, *text_ = nullptr;
  ElidedLabel *subtitle_ = nullptr, *pointed_ = nullptr;
  MetricList* metrics_ = nullptr;
  FigureView* figure_ = nullptr;
  ReportTable* table_ = nullptr;
};

}  // namespace vitrine::views
