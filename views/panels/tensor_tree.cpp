#include "views/panels/tensor_tree.h"

#include <QCoreApplication>
#include <QHeaderView>
#include <QPointer>
#include <QResizeEvent>
#include <QThreadPool>

#include "views/panels/style.h"

namespace vitrine::views {

namespace {

constexpr int kUnfoldUpTo = 60;              ///< tensors: a small file shows all of its tree
constexpr std::size_t kAtOnceUpTo = 20'000;  ///< tensors that are arranged while one waits

QString shape_text(std::span<const std::int64_t> shape) {
  QStringList sizes;
  for (const std::int64_t n : shape) sizes << QString::number(n);
  return sizes.join(QStringLiteral(" × "));
}

QString text_of(std::string_view text) { return QString::fromUtf8(text.data(), static_cast<qsizetype>(text.size())); }

}  // namespace

TensorTreeModel::TensorTreeModel(QObject* parent)
    : QAbstractItemModel(parent), stands_(std::make_shared<const TensorArrangement>(nullptr, TensorArrangement::Wanted{})) {}

void TensorTreeModel::set(TensorArrangement::Tensors tensors, const std::string& typed, bool as_list) {
  TensorArrangement::Wanted wanted = wanted_;
  wanted.typed = typed;
  wanted.as_list = as_list;
  arrange(std::move(tensors), std::move(wanted), false);
}

void TensorTreeModel::sort(int column, Qt::SortOrder order) {
  TensorArrangement::Wanted wanted = wanted_;
  wanted.sorted_by = column;
  wanted.descending = order == Qt::DescendingOrder;
  if (wanted != wanted_) arrange(tensors_, std::move(wanted), true);
}

void TensorTreeModel::arrange(TensorArrangement::Tensors tensors, TensorArrangement::Wanted wanted, bool sorted) {
  tensors_ = std::move(tensors);
  wanted_ = std::move(wanted);
  const int number = ++asked_;
  const bool as_it_is = wanted_.as_list && wanted_.typed.empty() && wanted_.sorted_by < 0;
  if (!tensors_ || tensors_->size() <= kAtOnceUpTo || as_it_is)
    return show(std::make_shared<const TensorArrangement>(tensors_, wanted_), sorted);
  QThreadPool::globalInstance()->start([model = QPointer(this), number, sorted, tensors = tensors_, wanted = wanted_] {
    auto made = std::make_shared<const TensorArrangement>(tensors, wanted);
    auto* application = QCoreApplication::instance();
    if (application == nullptr) return;
    QMetaObject::invokeMethod(application, [model, number, sorted, made = std::move(made)]() mutable {
      if (model && model->asked_ == number) model->show(std::move(made), sorted && model->stands_->list() == made->list());
    });
  });
}

void TensorTreeModel::show(Arrangement made, bool sorted) {
  if (!sorted) {
    beginResetModel();
    stands_ = std::move(made);
    endResetModel();
    emit arranged(false);
    return;
  }
  emit layoutAboutToBeChanged();
  const QModelIndexList before = persistentIndexList();
  stands_ = std::move(made);
  QModelIndexList after;
  for (const QModelIndex& index : before) after << createIndex(stands_->place(line_of(index)), index.column(), index.internalId());
  changePersistentIndexList(before, after);
  emit layoutChanged();
  emit arranged(true);
}

std::string TensorTreeModel::tensor(const QModelIndex& index) const {
  const int number = index.isValid() ? stands_->tensor(line_of(index)) : -1;
  return number < 0 ? std::string() : std::string(stands_->list()->at(static_cast<std::size_t>(number)).name);
}

QModelIndex TensorTreeModel::index_of(const std::string& tensor) const {
  const int line = stands_->line_of(tensor);
  return line == 0 ? QModelIndex() : createIndex(stands_->place(line), 0, static_cast<quintptr>(line));
}

QModelIndex TensorTreeModel::index(int row, int column, const QModelIndex& parent) const {
  const int above = line_of(parent);
  if (row < 0 || row >= stands_->children(above) || column < 0 || column >= Columns) return {};
  return createIndex(row, column, static_cast<quintptr>(stands_->child(above, row)));
}

QModelIndex TensorTreeModel::parent(const QModelIndex& child) const {
  const int above = child.isValid() ? stands_->parent(line_of(child)) : 0;
  return above <= 0 ? QModelIndex() : createIndex(stands_->place(above), 0, static_cast<quintptr>(above));
}

int TensorTreeModel::rowCount(const QModelIndex& parent) const { return parent.column() > 0 ? 0 : stands_->children(line_of(parent)); }

int TensorTreeModel::columnCount(const QModelIndex&) const { return Columns; }

QVariant TensorTreeModel::data(const QModelIndex& index, int role) const {
  if (!index.isValid()) return {};
  if (role == Qt::TextAlignmentRole) return QVariant(Qt::AlignVCenter | (index.column() == Bytes ? Qt::AlignRight : Qt::AlignLeft));
  if (role != Qt::DisplayRole && role != Qt::ToolTipRole) return {};
  const int line = line_of(index), number = stands_->tensor(line);
  const engine::ListedTensor entry = number < 0 ? engine::ListedTensor{} : stands_->list()->at(static_cast<std::size_t>(number));
  if (role == Qt::ToolTipRole)
    return number < 0 ? QVariant() : QStringLiteral("%1\n%2 [%3]").arg(text_of(entry.name), text_of(entry.dtype), shape_text(entry.shape));
  switch (index.column()) {
    case Name: return QString::fromStdString(stands_->label(line));
    case Bytes: return quantity_text(stands_->bytes(line), QStringLiteral("bytes"), 3);
    case Shape:
      return number >= 0 ? shape_text(entry.shape)
                         : tr("%n tensor(s)", nullptr, stands_->tensors_in(line)).replace(QStringLiteral("(s)"), stands_->tensors_in(line) == 1 ? QString() : QStringLiteral("s"));
    case Type: return text_of(entry.dtype);
    default: return {};
  }
}

QVariant TensorTreeModel::headerData(int section, Qt::Orientation orientation, int role) const {
  if (orientation != Qt::Horizontal) return {};
  if (role == Qt::TextAlignmentRole) return QVariant(Qt::AlignVCenter | (section == Bytes ? Qt::AlignRight : Qt::AlignLeft));
  const QString names[] = {tr("Tensor"), tr("Type"), tr("Shape"), tr("Size")};
  return role == Qt::DisplayRole && section >= 0 && section < Columns ? QVariant(names[section]) : QVariant();
}

TensorTree::TensorTree(QWidget* parent) : QTreeView(parent), model_(new TensorTreeModel(this)) {
  setModel(model_);
  setUniformRowHeights(true);
  setIndentation(2 * kGrid);
  setSelectionMode(QAbstractItemView::SingleSelection);
  setEditTriggers(QAbstractItemView::NoEditTriggers);
  setAllColumnsShowFocus(true);
  header()->setStretchLastSection(false);
  header()->setMinimumSectionSize(40);
  header()->setHighlightSections(false);
  header()->setSortIndicator(-1, Qt::AscendingOrder);
  header()->setSectionResizeMode(TensorTreeModel::Name, QHeaderView::Stretch);
  setSortingEnabled(true);
  connect(model_, &TensorTreeModel::arranged, this, &TensorTree::stands);
}

void TensorTree::set(TensorArrangement::Tensors tensors, const QString& typed, bool as_list) {
  quiet_ = true;
  model_->set(std::move(tensors), typed.toStdString(), as_list);
  quiet_ = false;
}

void TensorTree::stands(bool sorted) {
  const TensorArrangement& now = model_->arrangement();
  const bool narrowed = !now.wanted().typed.empty();
  quiet_ = true;
  setRootIsDecorated(!now.wanted().as_list);
  if (!sorted && !now.wanted().as_list && (now.shown() <= kUnfoldUpTo || (narrowed && now.shown() <= 20 * kUnfoldUpTo))) expandAll();
  quiet_ = false;
  share_columns();
  emit arranged();
}

void TensorTree::share_columns() {
  setColumnWidth(TensorTreeModel::Type, 56);
  setColumnWidth(TensorTreeModel::Shape, 112);
  setColumnWidth(TensorTreeModel::Bytes, 80);
}

void TensorTree::resizeEvent(QResizeEvent* event) {
  QTreeView::resizeEvent(event);
  share_columns();
}

void TensorTree::select(const std::string& tensor) {
  quiet_ = true;
  if (const QModelIndex index = model_->index_of(tensor); index.isValid()) {
    setCurrentIndex(index);
    scrollTo(index, EnsureVisible);
  }
  quiet_ = false;
}

void TensorTree::currentChanged(const QModelIndex& current, const QModelIndex& previous) {
  QTreeView::currentChanged(current, previous);
  if (quiet_ || !current.isValid()) return;
  if (const std::string name = model_->tensor(current); !name.empty()) emit chosen(QString::fromStdString(name));
}

}  // namespace vitrine::views
