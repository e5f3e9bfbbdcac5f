#pragma once

#include <memory>

#include <QWidget>

#include "engine/report/report.h"

namespace vitrine::views {

/// The array "histogram" of a report as bars over one axis of values; the count of a bin is in its tool tip.
class HistogramStrip : public QWidget {
 public:
  explicit HistogramStrip(QWidget* parent = nullptr);
  void set_report(std::shared_ptr<const engine::Report> report);
  QSize sizeHint() const override { return {240, 96}; }
  QSize minimumSizeHint() const override { return {80, 64}; }

 protected:
  void paintEvent(QPaintEvent*) override;
  bool event(QEvent* event) override;

 private:
  [[nodiscard]] const engine::Array* counts() const;
  [[nodiscard]] double metric(const char* name) const;
  [[nodiscard]] QRectF plot() const;
  std::shared_ptr<const engine::Report> report_;
};

}  // namespace vitrine::views
