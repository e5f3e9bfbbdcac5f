#pragma once

#include <memory>
#include <string>
#include <vector>

#include <QAbstractItemModel>
#include <QTreeView>

#include "engine/report/report.h"

namespace vitrine::views {

/// The table of the analysis `tensors` as a tree by dotted name, or as a list; narrowed by what is typed.
class TensorTreeModel : public QAbstractItemModel {
  Q_OBJECT
 public:
  enum Column { Name, Type, Shape, Bytes, Columns };
  using QAbstractItemModel::QAbstractItemModel;

  /// @param as_list every tensor in one line with its whole name
  void set(std::shared_ptr<const engine::Report> report, const std::string& typed, bool as_list);
  /// Whole name of a tensor; empty for a folder.
  [[nodiscard]] std::string tensor(const QModelIndex& index) const;
  [[nodiscard]] QModelIndex index_of(const std::string& tensor) const;
  [[nodiscard]] int shown() const { return shown_; }

  QModelIndex index(int row, int column, const QModelIndex& parent = {}) const override;
  QModelIndex parent(const QModelIndex& child) const override;
  int rowCount(const QModelIndex& parent = {}) const override;
  int columnCount(const QModelIndex& parent = {}) const override;
  QVariant data(const QModelIndex& index, int role) const override;
  QVariant headerData(int section, Qt::Orientation orientation, int role) const override;
  void sort(int column, Qt::SortOrder order) override;

 private:
  struct Node {
    int parent = -1, place = 0;      ///< node; position among its parent's children
    int row = -1;                    ///< of the table; -1: a folder
    std::string name;                ///< what the line says; empty: the end of the name in the table
    double bytes = 0;
    int tensors = 0;
    std::vector<int> children;
  };
  void gather();
  void sort_children(int column, Qt::SortOrder order);
  [[nodiscard]] const engine::Table* table() const;
  [[nodiscard]] std::string label(const Node& node) const;
  [[nodiscard]] const std::string& text(int row, Column column) const;
  [[nodiscard]] int node_of(const QModelIndex& index) const;

  std::shared_ptr<const engine::Report> report_;
  std::vector<Node> nodes_;          ///< 0: the root
  bool list_ = false;
  int shown_ = 0;
  int sorted_by_ = -1;
  Qt::SortOrder order_ = Qt::AscendingOrder;
};

/// "layers.9" before "layers.10".
[[nodiscard]] bool natural_less(const std::string& a, const std::string& b);

/// The tree on the screen. Arrows walk it, Enter and a click choose.
class TensorTree : public QTreeView {
  Q_OBJECT
 public:
  explicit TensorTree(QWidget* parent = nullptr);
  void set(std::shared_ptr<const engine::Report> report, const QString& typed, bool as_list);
  /// Shows a tensor as chosen, without `chosen`.
  void select(const std::string& tensor);
  [[nodiscard]] TensorTreeModel* tensors() const { return model_; }

 signals:
  void chosen(const QString& tensor);

 protected:
  void currentChanged(const QModelIndex& current, const QModelIndex& previous) override;
  void resizeEvent(QResizeEvent* event) override;

 private:
  void share_columns();
  TensorTreeModel* model_;
  bool quiet_ = false;
};

}  // namespace vitrine::views
