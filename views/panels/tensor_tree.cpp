#include "views/panels/tensor_tree.h"

#include <algorithm>
#include <cctype>
#include <numeric>
#include <unordered_map>

#include <QHeaderView>
#include <QResizeEvent>

#include "engine/core/name_match.h"
#include "views/panels/style.h"

namespace vitrine::views {

namespace {

constexpr std::size_t kName = 0, kType = 1, kShape = 2, kBytes = 4;   // columns of the analysis
constexpr int kUnfoldUpTo = 60;                                       ///< tensors: a small file shows all of its tree

constexpr int kDeepest = 24;   ///< folders in folders; what is deeper keeps its dots

const std::string kNothing;

}  // namespace

bool natural_less(const std::string& a, const std::string& b) {
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  std::size_t i = 0, j = 0;
  while (i < a.size() && j < b.size()) {
    if (digit(a[i]) && digit(b[j])) {
      std::size_t p = i, q = j;
      while (p < a.size() && digit(a[p])) ++p;
      while (q < b.size() && digit(b[q])) ++q;
      while (i + 1 < p && a[i] == '0') ++i;
      while (j + 1 < q && b[j] == '0') ++j;
      if (p - i != q - j) return p - i < q - j;
      if (const int order = a.compare(i, p - i, b, j, q - j)) return order < 0;
      i = p;
      j = q;
    } else {
      if (a[i] != b[j]) return a[i] < b[j];
      ++i;
      ++j;
    }
  }
  return a.size() - i < b.size() - j;
}

const engine::Table* TensorTreeModel::table() const { return report_ && !report_->tables.empty() ? &report_->tables[0] : nullptr; }

const std::string& TensorTreeModel::text(int row, Column column) const {
  constexpr std::size_t kSource[] = {kName, kType, kShape};
  const auto& cells = table()->rows[static_cast<std::size_t>(row)];
  const auto* found = cells.size() > kBytes ? std::get_if<std::string>(&cells[kSource[column]]) : nullptr;
  return found ? *found : kNothing;
}

void TensorTreeModel::set(std::shared_ptr<const engine::Report> report, const std::string& typed, bool as_list) {
  beginResetModel();
  report_ = std::move(report);
  list_ = as_list;
  nodes_.assign(1, Node{});
  shown_ = 0;
  if (const engine::Table* t = table()) {
    const auto count = static_cast<int>(t->rows.size());
    nodes_.reserve(static_cast<std::size_t>(count) + 1);
    if (as_list) nodes_[0].children.reserve(static_cast<std::size_t>(count));
    std::vector<int> rows(static_cast<std::size_t>(count));
    std::iota(rows.begin(), rows.end(), 0);
    if (!typed.empty()) std::erase_if(rows, [&](int row) { return !engine::name_matches(text(row, Name), typed); });
    shown_ = static_cast<int>(rows.size());
    std::unordered_map<std::string, int> folders;
    for (const int row : rows) {
      const std::string& name = text(row, Name);
      int parent = 0, depth = 0;
      for (std::size_t dot = name.find('.'); !as_list && dot != std::string::npos && depth < kDeepest; dot = name.find('.', dot + 1), ++depth) {
        const std::string path = name.substr(0, dot);
        const auto [found, fresh] = folders.try_emplace(path, static_cast<int>(nodes_.size()));
        if (fresh) {
          const std::size_t before = path.rfind('.');
          nodes_.push_back(Node{parent, 0, -1, before == std::string::npos ? path : path.substr(before + 1), 0, 0, {}});
          nodes_[static_cast<std::size_t>(parent)].children.push_back(found->second);
        }
        parent = found->second;
      }
      const auto* bytes = std::get_if<double>(&t->rows[static_cast<std::size_t>(row)][kBytes]);
      nodes_.push_back(Node{parent, 0, row, {}, bytes ? *bytes : 0, 1, {}});
      nodes_[static_cast<std::size_t>(parent)].children.push_back(static_cast<int>(nodes_.size()) - 1);
    }
    if (!as_list) gather();
  }
  sort_children(sorted_by_, order_);
  endResetModel();
}

/// Children come after their parents, so one way back adds all sizes up. A folder of one takes no line of its own.
void TensorTreeModel::gather() {
  for (std::size_t i = nodes_.size(); i-- > 1;) {
    nodes_[static_cast<std::size_t>(nodes_[i].parent)].bytes += nodes_[i].bytes;
    nodes_[static_cast<std::size_t>(nodes_[i].parent)].tensors += nodes_[i].tensors;
  }
  for (std::size_t i = 0; i < nodes_.size(); ++i)
    for (int& child : nodes_[i].children)
      while (nodes_[static_cast<std::size_t>(child)].row < 0 && nodes_[static_cast<std::size_t>(child)].children.size() == 1) {
        Node& gone = nodes_[static_cast<std::size_t>(child)];
        const std::string name = gone.name;
        child = gone.children.front();
        gone.children.clear();
        Node& only = nodes_[static_cast<std::size_t>(child)];
        only.name = name + "." + label(only);
        only.parent = static_cast<int>(i);
      }
}

std::string TensorTreeModel::label(const Node& node) const {
  if (node.row < 0 || !node.name.empty()) return node.name;
  const std::string& name = text(node.row, Name);
  std::size_t begin = 0;
  for (int depth = 0; !list_ && depth < kDeepest; ++depth) {
    const std::size_t dot = name.find('.', begin);
    if (dot == std::string::npos) break;
    begin = dot + 1;
  }
  return name.substr(begin);
}

void TensorTreeModel::sort_children(int column, Qt::SortOrder order) {
  const auto less = [&](int a, int b) {
    const Node &x = nodes_[static_cast<std::size_t>(a)], &y = nodes_[static_cast<std::size_t>(b)];
    if (column == Bytes) return x.bytes < y.bytes;
    if (column == Type || column == Shape) {
      const std::string &p = x.row < 0 ? kNothing : text(x.row, static_cast<Column>(column)), &q = y.row < 0 ? kNothing : text(y.row, static_cast<Column>(column));
      return natural_less(p, q);
    }
    return natural_less(label(x), label(y));
  };
  // A list of its own accord stands as the file has it.
  const bool sorted = column >= 0 || !list_;
  for (Node& node : nodes_) {
    if (sorted) {
      std::stable_sort(node.children.begin(), node.children.end(), less);
      if (column >= 0 && order == Qt::DescendingOrder) std::reverse(node.children.begin(), node.children.end());
    }
    for (std::size_t i = 0; i < node.children.size(); ++i) nodes_[static_cast<std::size_t>(node.children[i])].place = static_cast<int>(i);
  }
}

void TensorTreeModel::sort(int column, Qt::SortOrder order) {
  sorted_by_ = column;
  order_ = order;
  emit layoutAboutToBeChanged();
  const QModelIndexList before = persistentIndexList();
  sort_children(column, order);
  QModelIndexList after;
  for (const QModelIndex& index : before) after << createIndex(nodes_[index.internalId()].place, index.column(), index.internalId());
  changePersistentIndexList(before, after);
  emit layoutChanged();
}

int TensorTreeModel::node_of(const QModelIndex& index) const { return index.isValid() ? static_cast<int>(index.internalId()) : 0; }

std::string TensorTreeModel::tensor(const QModelIndex& index) const {
  const Node& node = nodes_[static_cast<std::size_t>(node_of(index))];
  return node.row < 0 ? std::string() : text(node.row, Name);
}

QModelIndex TensorTreeModel::index_of(const std::string& tensor) const {
  for (std::size_t i = 1; i < nodes_.size(); ++i)
    if (nodes_[i].row >= 0 && text(nodes_[i].row, Name) == tensor) return createIndex(nodes_[i].place, 0, static_cast<quintptr>(i));
  return {};
}

QModelIndex TensorTreeModel::index(int row, int column, const QModelIndex& parent) const {
  if (nodes_.empty()) return {};
  const auto& children = nodes_[static_cast<std::size_t>(node_of(parent))].children;
  if (row < 0 || row >= static_cast<int>(children.size()) || column < 0 || column >= Columns) return {};
  return createIndex(row, column, static_cast<quintptr>(children[static_cast<std::size_t>(row)]));
}

QModelIndex TensorTreeModel::parent(const QModelIndex& child) const {
  const int above = nodes_.empty() ? -1 : nodes_[static_cast<std::size_t>(node_of(child))].parent;
  return above <= 0 ? QModelIndex() : createIndex(nodes_[static_cast<std::size_t>(above)].place, 0, static_cast<quintptr>(above));
}

int TensorTreeModel::rowCount(const QModelIndex& parent) const {
  return nodes_.empty() || parent.column() > 0 ? 0 : static_cast<int>(nodes_[static_cast<std::size_t>(node_of(parent))].children.size());
}

int TensorTreeModel::columnCount(const QModelIndex&) const { return Columns; }

QVariant TensorTreeModel::data(const QModelIndex& index, int role) const {
  if (!index.isValid()) return {};
  const Node& node = nodes_[static_cast<std::size_t>(node_of(index))];
  if (role == Qt::TextAlignmentRole) return QVariant(Qt::AlignVCenter | (index.column() == Bytes ? Qt::AlignRight : Qt::AlignLeft));
  if (role == Qt::ToolTipRole && node.row >= 0)
    return QStringLiteral("%1\n%2 %3").arg(QString::fromStdString(text(node.row, Name)), QString::fromStdString(text(node.row, Type)), QString::fromStdString(text(node.row, Shape)));
  if (role != Qt::DisplayRole) return {};
  switch (index.column()) {
    case Name: return QString::fromStdString(label(node));
    case Bytes: return quantity_text(node.bytes, QStringLiteral("bytes"), 3);
    case Shape: return node.row < 0 ? tr("%n tensor(s)", nullptr, node.tensors).replace(QStringLiteral("(s)"), node.tensors == 1 ? QString() : QStringLiteral("s"))
                                    : QString::fromStdString(text(node.row, Shape)).remove('[').remove(']').replace(QStringLiteral(", "), QStringLiteral(" × "));
    case Type: return node.row < 0 ? QString() : QString::fromStdString(text(node.row, Type));
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
}

void TensorTree::set(std::shared_ptr<const engine::Report> report, const QString& typed, bool as_list) {
  quiet_ = true;
  model_->set(std::move(report), typed.toStdString(), as_list);
  setRootIsDecorated(!as_list);
  if (!as_list && (model_->shown() <= kUnfoldUpTo || (!typed.isEmpty() && model_->shown() <= 20 * kUnfoldUpTo))) expandAll();
  quiet_ = false;
  share_columns();
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
