#pragma once

#include <memory>

#include <QAbstractTableModel>
#include <QStyledItemDelegate>
#include <QTableView>

#include "engine/report/report.h"

class QSortFilterProxyModel;

namespace vitrine::views {

/// `tables[index]` of a report, as a Qt model. Numbers sort as numbers.
class ReportTableModel : public QAbstractTableModel {
  Q_OBJECT
 public:
  enum Role { kValue = Qt::UserRole, kBar, kUnit };

  using QAbstractTableModel::QAbstractTableModel;
  void set(std::shared_ptr<const engine::Report> report, std::size_t index);
  [[nodiscard]] const engine::Table* table() const;
  int rowCount(const QModelIndex& parent = {}) const override;
  int columnCount(const QModelIndex& parent = {}) const override;
  QVariant data(const QModelIndex& index, int role) const override;
  QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

 private:
  std::shared_ptr<const engine::Report> report_;
  std::size_t index_ = 0;
  std::vector<double> largest_;   ///< per column, of the absolute values; 0 where no bar belongs
};

/// Tabular figures at the right, and a bar behind shares and probabilities.
class ReportTableDelegate : public QStyledItemDelegate {
 public:
  using QStyledItemDelegate::QStyledItemDelegate;
  void paint(QPainter* painter, const QStyleOptionViewItem& option, const QModelIndex& index) const override;
  QSize sizeHint(const QStyleOptionViewItem& option, const QModelIndex& index) const override;
};

/// A report's table as a person reads it: sortable, copyable (Ctrl+C), one row under the cursor.
class ReportTable : public QTableView {
  Q_OBJECT
 public:
  explicit ReportTable(QWidget* parent = nullptr);
  void set(std::shared_ptr<const engine::Report> report, std::size_t index = 0);
  void clear() { set(nullptr, 0); }
  [[nodiscard]] const engine::Table* table() const { return model_->table(); }
  /// Columns that are not shown (they are still exported).
  void hide_columns(const QStringList& names);
  /// What stands in the middle while there is no row.
  void set_empty_text(const QString& text);
  /// Row of the report's table that a view row stands for.
  [[nodiscard]] int source_row(int view_row) const;
  [[nodiscard]] int view_row(int source_row) const;
  [[nodiscard]] std::vector<int> selected_rows() const;   ///< rows of the report's table
  void select_rows(const std::vector<int>& rows);         ///< without `picked`
  [[nodiscard]] QString cell(int row, int column) const;  ///< as shown
  QSize sizeHint() const override;

 signals:
  void picked(const QList<int>& rows);   ///< the user changed the selection; rows of the report's table
  void chosen(int row);                  ///< Enter or double click

 protected:
  void keyPressEvent(QKeyEvent* event) override;
  void paintEvent(QPaintEvent* event) override;
  void resizeEvent(QResizeEvent* event) override;

 private:
  void fit_columns();
  ReportTableModel* model_;
  QSortFilterProxyModel* order_;
  bool quiet_ = false;
  QString empty_text_;
  QStringList hidden_;
};

}  // namespace vitrine::views
