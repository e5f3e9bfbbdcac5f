#include "views/panels/report_table.h"

#include <cmath>

#include <QApplication>
#include <QClipboard>
#include <QHeaderView>
#include <QKeyEvent>
#include <QPainter>
#include <QResizeEvent>
#include <QSortFilterProxyModel>

#include "views/panels/style.h"

namespace vitrine::views {

namespace {

constexpr int kInset = 6;         ///< as the heading's in the style sheet
constexpr int kLeastBar = 28;     ///< pixels of a full bar beside its number
constexpr int kBarColumn = 176;   ///< a column with bars, where there is room
constexpr int kWords = 120;       ///< the column of words, where there is room

bool deserves_bar(const engine::Table::Column& column) {
  return column.unit == "probability" || column.unit == "share" || column.name == "importance" ||
         column.name == "probability" || column.name == "before" || column.name == "after" ||
         column.name == "strength" || column.name == "F1" || column.name == "activation";
}

/// A leading space and line ends belong to a token; they must be seen.
QString visible_text(const std::string& cell) {
  QString text = QString::fromStdString(cell);
  if (text.startsWith(QLatin1Char(' '))) text = QChar(0x00b7) + text.mid(1);
  return text.replace(QLatin1Char('\n'), QChar(0x21b5)).replace(QLatin1Char('\t'), QChar(0x21e5));
}

/// Units that change the number itself stand in the cell, all others in the heading.
bool in_cell(const std::string& unit) {
  return unit.empty() || unit == "share" || unit == "fraction" || unit == "bytes" || unit == "B";
}

QString cell_text(double value, const engine::Table::Column& column) {
  return in_cell(column.unit) ? quantity_text(value, QString::fromStdString(column.unit), column.digits)
                              : number_text(value, column.digits);
}

double number_of(const engine::Cell& cell) {
  const double* number = std::get_if<double>(&cell);
  return number ? *number : std::nan("");
}

}  // namespace

void ReportTableModel::set(std::shared_ptr<const engine::Report> report, std::size_t index) {
  beginResetModel();
  report_ = std::move(report);
  index_ = index;
  largest_.clear();
  if (const engine::Table* t = table()) {
    for (std::size_t c = 0; c < t->columns.size(); ++c) {
      double largest = 0;
      for (const auto& row : t->rows)
        if (c < row.size() && std::isfinite(number_of(row[c]))) largest = std::max(largest, std::abs(number_of(row[c])));
      largest_.push_back(deserves_bar(t->columns[c]) ? largest : 0);
    }
  }
  endResetModel();
}

const engine::Table* ReportTableModel::table() const {
  return report_ && index_ < report_->tables.size() ? &report_->tables[index_] : nullptr;
}

int ReportTableModel::rowCount(const QModelIndex& parent) const {
  return parent.isValid() || !table() ? 0 : static_cast<int>(table()->rows.size());
}

int ReportTableModel::columnCount(const QModelIndex& parent) const {
  return parent.isValid() || !table() ? 0 : static_cast<int>(table()->columns.size());
}

QVariant ReportTableModel::data(const QModelIndex& index, int role) const {
  const engine::Table* t = table();
  if (!t || !index.isValid()) return {};
  const auto& row = t->rows[static_cast<std::size_t>(index.row())];
  const auto c = static_cast<std::size_t>(index.column());
  if (c >= row.size()) return {};
  const double* number = std::get_if<double>(&row[c]);
  switch (role) {
    case Qt::DisplayRole:
      return number ? cell_text(*number, t->columns[c])
                    : visible_text(std::get<std::string>(row[c]));
    case Qt::ToolTipRole:
      return number ? QVariant(QString::number(*number, 'g', 9)) : data(index, Qt::DisplayRole);
    case Qt::TextAlignmentRole: return QVariant(Qt::AlignVCenter | (number ? Qt::AlignRight : Qt::AlignLeft));
    case kValue: return number ? QVariant(*number) : QVariant(QString::fromStdString(std::get<std::string>(row[c])));
    case kBar: return number && largest_[c] > 0 ? QVariant(std::abs(*number) / largest_[c]) : QVariant();
    default: return {};
  }
}

QVariant ReportTableModel::headerData(int section, Qt::Orientation orientation, int role) const {
  const engine::Table* t = table();
  if (!t || orientation != Qt::Horizontal || section >= static_cast<int>(t->columns.size())) return {};
  const auto& column = t->columns[static_cast<std::size_t>(section)];
  if (role == Qt::DisplayRole) {
    const QString name = QString::fromStdString(column.name).replace('_', ' ');
    const bool plain = in_cell(column.unit) || column.unit == "probability" || column.unit == column.name;
    return plain ? name : QString("%1 (%2)").arg(name, QString::fromStdString(column.unit));
  }
  if (role == Qt::ToolTipRole && !column.unit.empty())
    return QString("%1 (%2)").arg(QString::fromStdString(column.name), QString::fromStdString(column.unit));
  if (role == Qt::TextAlignmentRole) {
    const bool number = !t->rows.empty() && static_cast<std::size_t>(section) < t->rows[0].size() &&
                        std::holds_alternative<double>(t->rows[0][static_cast<std::size_t>(section)]);
    return QVariant(Qt::AlignVCenter | (number ? Qt::AlignRight : Qt::AlignLeft));
  }
  return {};
}

void ReportTableDelegate::paint(QPainter* painter, const QStyleOptionViewItem& given, const QModelIndex& index) const {
  QStyleOptionViewItem option = given;
  initStyleOption(&option, index);
  const QString text = option.text;
  option.text.clear();
  option.state &= ~QStyle::State_HasFocus;
  const QWidget* widget = option.widget;
  (widget ? widget->style() : QApplication::style())->drawControl(QStyle::CE_ItemViewItem, &option, painter, widget);
  // The option's palette carries the style sheet's selection colours; the accent is the application's.
  const Shades s = shades(QApplication::palette());
  const QRectF cell = QRectF(option.rect).adjusted(kInset, 0, -kInset, 0);
  painter->save();
  painter->setFont(option.font);
  if (const QVariant bar = index.data(ReportTableModel::kBar); bar.isValid()) {
    QColor colour = s.accent;
    colour.setAlphaF(s.dark ? 0.42 : 0.28);
    // The number stands beside its bar, or in a narrow column above it.
    const qreal share = std::min(1.0, bar.toDouble());
    const qreal beside = cell.width() - tabular_width(option.font, QStringLiteral("\u22120.00000"));
    if (beside >= kLeastBar)
      painter->fillRect(QRectF(cell.left(), cell.top() + 4, beside * share, cell.height() - 8), colour);
    else
      painter->fillRect(QRectF(cell.left(), cell.bottom() - 3, cell.width() * share, 2), colour);
  }
  painter->setPen(s.text);
  if (index.data(ReportTableModel::kValue).typeId() == QMetaType::Double)
    draw_tabular(*painter, cell.adjusted(0, 0, -4, 0), text, Qt::AlignRight);
  else
    painter->drawText(cell, Qt::AlignLeft | Qt::AlignVCenter,
                      QFontMetrics(option.font).elidedText(text, Qt::ElideRight, static_cast<int>(cell.width())));
  painter->restore();
}

QSize ReportTableDelegate::sizeHint(const QStyleOptionViewItem& option, const QModelIndex& index) const {
  const QString text = index.data(Qt::DisplayRole).toString();
  return {static_cast<int>(tabular_width(option.font, text)) + 2 * kInset + 8, 22};
}

ReportTable::ReportTable(QWidget* parent)
    : QTableView(parent), model_(new ReportTableModel(this)), order_(new QSortFilterProxyModel(this)) {
  order_->setSourceModel(model_);
  order_->setSortRole(ReportTableModel::kValue);
  setModel(order_);
  setItemDelegate(new ReportTableDelegate(this));
  setShowGrid(false);
  setWordWrap(false);
  setSortingEnabled(true);
  order_->sort(-1);
  horizontalHeader()->setSortIndicator(-1, Qt::DescendingOrder);
  horizontalHeader()->setHighlightSections(false);
  horizontalHeader()->setMinimumSectionSize(40);
  horizontalHeader()->setTextElideMode(Qt::ElideRight);
  verticalHeader()->hide();
  verticalHeader()->setDefaultSectionSize(22);
  verticalHeader()->setMinimumSectionSize(22);
  setSelectionBehavior(QAbstractItemView::SelectRows);
  setSelectionMode(QAbstractItemView::ExtendedSelection);
  setEditTriggers(QAbstractItemView::NoEditTriggers);
  setHorizontalScrollMode(QAbstractItemView::ScrollPerPixel);
  setTabKeyNavigation(false);
  connect(selectionModel(), &QItemSelectionModel::selectionChanged, this, [this] {
    if (quiet_) return;
    const std::vector<int> rows = selected_rows();
    emit picked(QList<int>(rows.begin(), rows.end()));
  });
  connect(this, &QAbstractItemView::doubleClicked, this,
          [this](const QModelIndex& index) { emit chosen(source_row(index.row())); });
}

void ReportTable::set(std::shared_ptr<const engine::Report> report, std::size_t index) {
  quiet_ = true;
  model_->set(std::move(report), index);
  quiet_ = false;
  fit_columns();
}

void ReportTable::fit_columns() {
  // The widest column of words takes what is left, and bars beside each other have one length: what the others leave.
  int words = -1, longest = -1, taken = 0;
  std::vector<int> bars;
  const engine::Table* t = model_->table();
  for (int c = 0; c < model_->columnCount(); ++c) {
    horizontalHeader()->setSectionResizeMode(c, QHeaderView::Interactive);
    resizeColumnToContents(c);
    const bool number = !t->rows.empty() && static_cast<std::size_t>(c) < t->rows[0].size() &&
                        std::holds_alternative<double>(t->rows[0][static_cast<std::size_t>(c)]);
    if (!number && columnWidth(c) >= longest) words = c, longest = columnWidth(c);
    const bool bar = model_->rowCount() > 0 && model_->data(model_->index(0, c), ReportTableModel::kBar).isValid();
    setColumnWidth(c, std::clamp(columnWidth(c), 56, 320));
    const bool hidden = hidden_.contains(QString::fromStdString(t->columns[static_cast<std::size_t>(c)].name));
    setColumnHidden(c, hidden);
    if (hidden) continue;
    if (bar) bars.push_back(c);
    else if (number) taken += columnWidth(c);
  }
  if (words >= 0) taken += std::min(columnWidth(words), kWords);
  for (const int c : bars) {
    const int share = (viewport()->width() - taken) / static_cast<int>(bars.size());
    setColumnWidth(c, std::clamp(share, columnWidth(c), std::max(kBarColumn, columnWidth(c))));
  }
  if (words >= 0) horizontalHeader()->setSectionResizeMode(words, QHeaderView::Stretch);
}

int ReportTable::source_row(int view_row) const { return order_->mapToSource(order_->index(view_row, 0)).row(); }

int ReportTable::view_row(int source_row) const {
  return order_->mapFromSource(model_->index(source_row, 0, QModelIndex())).row();
}

std::vector<int> ReportTable::selected_rows() const {
  std::vector<int> rows;
  for (const QModelIndex& index : selectionModel()->selectedRows()) rows.push_back(source_row(index.row()));
  std::sort(rows.begin(), rows.end());
  return rows;
}

void ReportTable::select_rows(const std::vector<int>& rows) {
  if (rows == selected_rows()) return;
  quiet_ = true;
  QItemSelection selection;
  for (int row : rows) {
    const QModelIndex first = order_->mapFromSource(model_->index(row, 0, QModelIndex()));
    if (first.isValid()) selection.select(first, first);
  }
  selectionModel()->select(selection, QItemSelectionModel::ClearAndSelect | QItemSelectionModel::Rows);
  if (!rows.empty()) scrollTo(order_->index(view_row(rows.front()), 0));
  quiet_ = false;
}

QString ReportTable::cell(int row, int column) const {
  return model_->data(model_->index(row, column, QModelIndex()), Qt::DisplayRole).toString();
}

QSize ReportTable::sizeHint() const {
  int width = 2;
  for (int c = 0; c < model_->columnCount(); ++c) width += std::max(56, sizeHintForColumn(c));
  return {std::max(width, 160), std::min(12, std::max(3, model_->rowCount())) * 22 + 32};
}

void ReportTable::hide_columns(const QStringList& names) {
  hidden_ = names;
  fit_columns();
}

void ReportTable::resizeEvent(QResizeEvent* event) {
  QTableView::resizeEvent(event);
  if (event->size().width() != event->oldSize().width()) fit_columns();
}

void ReportTable::set_empty_text(const QString& text) {
  empty_text_ = text;
  viewport()->update();
}

void ReportTable::paintEvent(QPaintEvent* event) {
  QTableView::paintEvent(event);
  if (model_->rowCount() > 0 || empty_text_.isEmpty()) return;
  QPainter painter(viewport());
  painter.setPen(shades(QApplication::palette()).muted);
  painter.drawText(viewport()->rect().adjusted(kGrid, kGrid, -kGrid, -kGrid), Qt::AlignCenter | Qt::TextWordWrap, empty_text_);
}

void ReportTable::keyPressEvent(QKeyEvent* event) {
  if (event->key() == Qt::Key_Return || event->key() == Qt::Key_Enter) {
    if (currentIndex().isValid()) emit chosen(source_row(currentIndex().row()));
    return;
  }
  if (!event->matches(QKeySequence::Copy)) return QTableView::keyPressEvent(event);
  QString text;
  for (int row : selected_rows()) {
    QStringList cells;
    for (int c = 0; c < model_->columnCount(); ++c)
      cells << model_->data(model_->index(row, c, QModelIndex()), ReportTableModel::kValue).toString();
    text += cells.join('\t') + '\n';
  }
  QApplication::clipboard()->setText(text);
}

}  // namespace vitrine::views
