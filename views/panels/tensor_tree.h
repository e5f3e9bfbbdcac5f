#pragma once

#include <memory>
#include <string>

#include <QAbstractItemModel>
#include <QTreeView>

#include "views/panels/tensor_arrangement.h"

namespace vitrine::views {

/// The lines of an arrangement. One of many tensors is made beside this thread; until it is there, the one before stands.
class TensorTreeModel : public QAbstractItemModel {
  Q_OBJECT
 public:
  using Column = TensorArrangement::Column;
  static constexpr Column Name = Column::Name, Type = Column::Type, Shape = Column::Shape, Bytes = Column::Bytes, Columns = Column::Columns;
  explicit TensorTreeModel(QObject* parent = nullptr);

  /// `arranged` says when it stands.
  void set(TensorArrangement::Tensors tensors, const std::string& typed, bool as_list);
  /// Whole name of a tensor; empty for a folder.
  [[nodiscard]] std::string tensor(const QModelIndex& index) const;
  [[nodiscard]] QModelIndex index_of(const std::string& tensor) const;
  [[nodiscard]] int shown() const { return stands_->shown(); }
  [[nodiscard]] const TensorArrangement& arrangement() const { return *stands_; }

  QModelIndex index(int row, int column, const QModelIndex& parent = {}) const override;
  QModelIndex parent(const QModelIndex& child) const override;
  int rowCount(const QModelIndex& parent = {}) const override;
  int columnCount(const QModelIndex& parent = {}) const override;
  QVariant data(const QModelIndex& index, int role) const override;
  QVariant headerData(int section, Qt::Orientation orientation, int role) const override;
  void sort(int column, Qt::SortOrder order) override;

 signals:
  /// @param sorted only the order has changed
  void arranged(bool sorted);

 private:
  using Arrangement = std::shared_ptr<const TensorArrangement>;
  void arrange(TensorArrangement::Tensors tensors, TensorArrangement::Wanted wanted, bool sorted);
  void show(Arrangement made, bool sorted);
  [[nodiscard]] int line_of(const QModelIndex& index) const { return index.isValid() ? static_cast<int>(index.internalId()) : 0; }

  Arrangement stands_;
  TensorArrangement::Tensors tensors_;      ///< of the last that was asked for, and how
  TensorArrangement::Wanted wanted_;
  int asked_ = 0;
};

/// The tree on the screen. Arrows walk it, Enter and a click choose.
class TensorTree : public QTreeView {
  Q_OBJECT
 public:
  explicit TensorTree(QWidget* parent = nullptr);
  void set(TensorArrangement::Tensors tensors, const QString& typed, bool as_list);
  /// Shows a tensor as chosen, without `chosen`.
  void select(const std::string& tensor);
  [[nodiscard]] TensorTreeModel* tensors() const { return model_; }

 signals:
  void chosen(const QString& tensor);
  /// What was set or sorted stands now.
  void arranged();

 protected:
  void currentChanged(const QModelIndex& current, const QModelIndex& previous) override;
  void resizeEvent(QResizeEvent* event) override;

 private:
  void stands(bool sorted);
  void share_columns();
  TensorTreeModel* model_;
  bool quiet_ = false;
};

}  // namespace vitrine::views
