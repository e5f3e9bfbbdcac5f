#pragma once

#include <set>
#include <string>
#include <vector>

#include <QWidget>

#include "engine/report/report.h"

namespace vitrine::views {

/// Metrics in rows: name, value, the unedited model's value and the change, in aligned columns.
class MetricList : public QWidget {
  Q_OBJECT
 public:
  explicit MetricList(QWidget* parent = nullptr);
  /// @param stale names of the rows whose values are of before, while new ones are on their way: they are dimmed
  void set_metrics(std::vector<engine::Metric> metrics, std::set<std::string> stale = {});
  [[nodiscard]] const std::vector<engine::Metric>& metrics() const { return metrics_; }
  /// Headings of the value columns.
  void set_headings(const QString& now, const QString& before);
  [[nodiscard]] bool is_stale(int row) const;
  [[nodiscard]] QString value_text(int row) const;
  [[nodiscard]] QString before_text(int row) const;
  [[nodiscard]] QString change(int row) const;
  QSize sizeHint() const override;
  QSize minimumSizeHint() const override;

 protected:
  void paintEvent(QPaintEvent*) override;
  bool event(QEvent* event) override;

 private:
  [[nodiscard]] bool has_before() const;
  std::vector<engine::Metric> metrics_;
  std::set<std::string> stale_;
  QString now_, before_;
};

/// "mean_cross_entropy" as a person reads it.
[[nodiscard]] QString metric_name(const std::string& name);

}  // namespace vitrine::views
