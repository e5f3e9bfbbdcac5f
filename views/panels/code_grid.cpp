#include "views/panels/code_grid.h"

#include <cmath>

#include <QAbstractTableModel>
#include <QApplication>
#include <QHeaderView>
#include <QPainter>
#include <QResizeEvent>
#include <QStyledItemDelegate>

#include "views/panels/style.h"
#include "views/panels/token_chips.h"

namespace vitrine::views {

class CodeGridModel : public QAbstractTableModel {
 public:
  using QAbstractTableModel::QAbstractTableModel;

  void set(std::shared_ptr<const engine::Report> report) {
    beginResetModel();
    report_ = report && !report->arrays.empty() && report->arrays[0].shape.size() == 2 ? std::move(report) : nullptr;
    endResetModel();
  }

  void mark(int codebook, int code) {
    codebook_ = codebook;
    code_ = code;
    if (rowCount() > 0 && columnCount() > 0) emit dataChanged(index(0, 0), index(rowCount() - 1, columnCount() - 1));
  }

  int code_at(int row, int column) const {
    if (row < 0 || column < 0 || row >= rowCount() || column >= columnCount()) return -1;
    const float value = report_->arrays[0].values[static_cast<std::size_t>(row * columnCount() + column)];
    return std::isnan(value) ? -1 : static_cast<int>(value);
  }

  int rowCount(const QModelIndex& parent = {}) const override {
    return parent.isValid() || !report_ ? 0 : static_cast<int>(report_->arrays[0].shape[0]);
  }
  int columnCount(const QModelIndex& parent = {}) const override {
    return parent.isValid() || !report_ ? 0 : static_cast<int>(report_->arrays[0].shape[1]);
  }

  QVariant data(const QModelIndex& index, int role) const override {
    const int code = code_at(index.row(), index.column());
    if (role == Qt::DisplayRole) return code < 0 ? QString() : QString::number(code);
    if (role == Qt::UserRole) return code;
    if (role == Qt::UserRole + 1) return code >= 0 && index.row() == codebook_ && code == code_;
    if (role == Qt::ToolTipRole && code >= 0)
      return QObject::tr("%1, token %2: code %3").arg(headerData(index.row(), Qt::Vertical, Qt::DisplayRole).toString()).arg(index.column()).arg(code);
    return {};
  }

  QVariant headerData(int section, Qt::Orientation orientation, int role) const override {
    if (!report_ || role != Qt::DisplayRole) return {};
    const std::size_t axis = orientation == Qt::Vertical ? 0 : 1;
    const auto& axes = report_->arrays[0].axes;
    const auto at = static_cast<std::size_t>(section);
    if (axis < axes.size() && at < axes[axis].labels.size()) return chip_text({.text = axes[axis].labels[at]});
    return section;
  }

 private:
  std::shared_ptr<const engine::Report> report_;
  int codebook_ = -1, code_ = -1;
};

namespace {

class CodeDelegate : public QStyledItemDelegate {
 public:
  using QStyledItemDelegate::QStyledItemDelegate;
  void paint(QPainter* painter, const QStyleOptionViewItem& option, const QModelIndex& index) const override {
    const Shades s = shades(QApplication::palette());
    const int code = index.data(Qt::UserRole).toInt();
    const QRectF cell = QRectF(option.rect).adjusted(1, 1, -1, -1);
    painter->save();
    painter->setRenderHint(QPainter::Antialiasing);
    painter->setPen(Qt::NoPen);
    const bool marked = index.data(Qt::UserRole + 1).toBool();
    if (code >= 0) {
      // Golden-angle hues at one lightness: neighbours in number stay apart, and text stays readable on all.
      QColor tint = QColor::fromHsvF(static_cast<float>(std::fmod(code * 0.61803398875, 1.0)), s.dark ? 0.38F : 0.18F, s.dark ? 0.36F : 0.97F);
      painter->setBrush(marked ? s.accent : tint);
      painter->drawRoundedRect(cell, 2, 2);
    }
    if (option.state & QStyle::State_HasFocus) {
      painter->setPen(QPen(s.text, 1.5));
      painter->setBrush(Qt::NoBrush);
      painter->drawRoundedRect(cell, 2, 2);
    }
    painter->setFont(option.font);
    painter->setPen(marked ? s.on_accent : s.text);
    draw_tabular(*painter, cell, index.data(Qt::DisplayRole).toString(), Qt::AlignHCenter);
    painter->restore();
  }
};

}  // namespace

CodeGrid::CodeGrid(QWidget* parent) : QTableView(parent), model_(new CodeGridModel(this)) {
  setModel(model_);
  setItemDelegate(new CodeDelegate(this));
  setShowGrid(false);
  setSelectionMode(QAbstractItemView::SingleSelection);
  setTabKeyNavigation(false);
  setEditTriggers(QAbstractItemView::NoEditTriggers);
  setHorizontalScrollMode(QAbstractItemView::ScrollPerPixel);
  horizontalHeader()->setDefaultSectionSize(52);
  horizontalHeader()->setMinimumSectionSize(28);
  horizontalHeader()->setHighlightSections(false);
  horizontalHeader()->setTextElideMode(Qt::ElideRight);
  verticalHeader()->setDefaultSectionSize(24);
  verticalHeader()->setMinimumSectionSize(24);
  verticalHeader()->setHighlightSections(false);
  verticalHeader()->setDefaultAlignment(Qt::AlignLeft | Qt::AlignVCenter);
  setAccessibleName(tr("Codes by codebook and token"));
}

void CodeGrid::set_report(std::shared_ptr<const engine::Report> report) {
  quiet_ = true;
  model_->set(std::move(report));
  quiet_ = false;
  fit_columns();
}

/// As wide as the tokens need; a short text fills the width.
void CodeGrid::fit_columns() {
  const int columns = model_->columnCount();
  if (columns == 0) return;
  std::vector<int> widths;
  int all = 0;
  for (int c = 0; c < columns; ++c) {
    const QString token = model_->headerData(c, Qt::Horizontal, Qt::DisplayRole).toString();
    widths.push_back(std::clamp(fontMetrics().horizontalAdvance(token) + 18, 48, 120));
    all += widths.back();
  }
  const int more = std::clamp((viewport()->width() - all) / columns, 0, 40);
  for (int c = 0; c < columns; ++c) setColumnWidth(c, widths[static_cast<std::size_t>(c)] + more);
}

void CodeGrid::resizeEvent(QResizeEvent* event) {
  QTableView::resizeEvent(event);
  if (event->size().width() != event->oldSize().width()) fit_columns();
}

void CodeGrid::set_selection(int codebook, int code, int token) {
  model_->mark(codebook, code);
  quiet_ = true;
  if (model_->code_at(codebook, token) == code && code >= 0) setCurrentIndex(model_->index(codebook, token));
  quiet_ = false;
}

int CodeGrid::code_at(int codebook, int token) const { return model_->code_at(codebook, token); }

void CodeGrid::currentChanged(const QModelIndex& current, const QModelIndex& previous) {
  QTableView::currentChanged(current, previous);
  if (!quiet_ && current.isValid() && model_->code_at(current.row(), current.column()) >= 0)
    emit chosen(current.row(), model_->code_at(current.row(), current.column()), current.column());
}

}  // namespace vitrine::views
