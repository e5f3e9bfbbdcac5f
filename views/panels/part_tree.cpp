#include "views/panels/part_tree.h"

#include <utility>

#include <QHeaderView>
#include <QTimer>

#include "views/panels/report_table.h"
#include "views/panels/style.h"

namespace vitrine::views {

namespace {

Qt::CheckState state_of(int off, int all) {
  return off == 0 ? Qt::Checked : off == all ? Qt::Unchecked : Qt::PartiallyChecked;
}

/// Neurons of a layer that edits switch off one by one.
int neurons_off(const std::string& block, const engine::EditList& edits) {
  std::set<std::int64_t> off;
  for (const auto& edit : edits)
    if (edit.site == block + ".mlp.hook_post") off.insert(edit.neurons.begin(), edit.neurons.end());
  return static_cast<int>(off.size());
}

}  // namespace

PartTree::PartTree(QWidget* parent) : QTreeWidget(parent) {
  setColumnCount(2);
  setHeaderLabels({tr("Part (checked: in use)"), tr("Switched off")});
  headerItem()->setTextAlignment(1, Qt::AlignRight | Qt::AlignVCenter);
  header()->setStretchLastSection(false);
  header()->setSectionResizeMode(0, QHeaderView::Stretch);
  header()->setSectionResizeMode(1, QHeaderView::ResizeToContents);
  setSelectionMode(QAbstractItemView::ExtendedSelection);
  setUniformRowHeights(true);
  setIndentation(2 * kGrid);
  connect(this, &QTreeWidget::itemChanged, this, [this](QTreeWidgetItem* item) { on_changed(item); });
  connect(this, &QTreeWidget::itemSelectionChanged, this, [this] {
    if (filling_) return;
    std::vector<HeadRef> heads;
    for (QTreeWidgetItem* item : selectedItems())
      if (const auto part = parts_.find(item); part != parts_.end() && part->second.kind == PartRef::Kind::Head)
        heads.push_back({.tower = part->second.tower, .layer = part->second.layer, .head = part->second.head});
    emit picked(heads);
  });
}

void PartTree::set_model(const ModelState* model) {
  filling_ = unseen_ = true;
  clear();
  items_.clear();
  parts_.clear();
  if (model) {
    for (const auto& tower : model->towers) {
      QTreeWidgetItem* root = nullptr;
      if (model->towers.size() > 1) {
        QString name = QString::fromStdString(tower.prefix);
        if (name.endsWith('.')) name.chop(1);
        root = new QTreeWidgetItem(this, {name});
        root->setFlags(root->flags() & ~Qt::ItemIsSelectable);
        root->setExpanded(true);
      }
      add_tower(tower, root);
    }
  }
  filling_ = false;
}

void PartTree::add_tower(const TowerState& tower, QTreeWidgetItem* parent) {
  const bool few = tower.heads_per_layer.size() <= 8;
  for (int l = 0; l < static_cast<int>(tower.heads_per_layer.size()); ++l) {
    auto* layer = parent ? new QTreeWidgetItem(parent, {tr("Layer %1").arg(l)})
                         : new QTreeWidgetItem(this, {tr("Layer %1").arg(l)});
    layer->setExpanded(few);
    const int heads = tower.heads_per_layer[static_cast<std::size_t>(l)];
    if (heads > 0) {
      const QString kind = tower.mixer_kind.empty() ? tr("Attention") : QString::fromStdString(tower.mixer_kind);
      auto* attention = add_part(layer, kind.left(1).toUpper() + kind.mid(1), {PartRef::Kind::Attention, tower.prefix, l, 0});
      for (int h = 0; h < heads; ++h)
        add_part(attention, tr("Head %1.%2").arg(l).arg(h), {PartRef::Kind::Head, tower.prefix, l, h});
    }
    if (static_cast<std::size_t>(l) < tower.mlp_width.size() && tower.mlp_width[static_cast<std::size_t>(l)] > 0)
      add_part(layer, tr("MLP"), {PartRef::Kind::Mlp, tower.prefix, l, 0});
  }
}

QTreeWidgetItem* PartTree::add_part(QTreeWidgetItem* parent, const QString& text, const PartRef& part) {
  auto* item = new QTreeWidgetItem(parent, {text});
  item->setFlags(item->flags() | Qt::ItemIsUserCheckable);
  item->setCheckState(0, Qt::Checked);
  item->setTextAlignment(1, Qt::AlignRight | Qt::AlignVCenter);
  items_[part] = item;
  parts_[item] = part;
  return item;
}

QTreeWidgetItem* PartTree::item_of(const PartRef& part) const {
  const auto found = items_.find(part);
  return found == items_.end() ? nullptr : found->second;
}

void PartTree::set_edits(const ModelState& model, const engine::EditList& edits) {
  filling_ = true;
  const std::set<PartRef> off = parts_off(model, edits);
  for (const auto& tower : model.towers)
    for (int l = 0; l < static_cast<int>(tower.heads_per_layer.size()); ++l) show_layer(tower, l, off, edits);
  filling_ = false;
  if (!std::exchange(unseen_, false) || off.empty()) return;
  for (const PartRef& part : off)
    if (QTreeWidgetItem* item = item_of(part))
      for (QTreeWidgetItem* above = item->parent(); above; above = above->parent()) above->setExpanded(true);
  QTimer::singleShot(0, this, [this, first = *off.begin()] {
    if (QTreeWidgetItem* item = item_of(first)) scrollToItem(item->parent() ? item->parent() : item, PositionAtTop);
  });
}

void PartTree::show_layer(const TowerState& tower, int layer, const std::set<PartRef>& off,
                          const engine::EditList& edits) {
  const int heads = tower.heads_per_layer[static_cast<std::size_t>(layer)];
  int heads_off = 0;
  const Shades s = shades(*this);
  for (int h = 0; h < heads; ++h) {
    QTreeWidgetItem* item = item_of({PartRef::Kind::Head, tower.prefix, layer, h});
    if (!item) continue;
    const bool is_off = off.contains({PartRef::Kind::Head, tower.prefix, layer, h});
    heads_off += is_off;
    item->setCheckState(0, is_off ? Qt::Unchecked : Qt::Checked);
    item->setForeground(0, is_off ? QBrush(s.faint) : QBrush());
  }
  if (QTreeWidgetItem* item = item_of({PartRef::Kind::Attention, tower.prefix, layer, 0})) {
    item->setCheckState(0, state_of(heads_off, heads));
    item->setText(1, heads_off ? tr("%1 of %2 heads").arg(heads_off).arg(heads) : QString());
    item->setForeground(0, heads_off == heads ? QBrush(s.faint) : QBrush());
  }
  QTreeWidgetItem* mlp = item_of({PartRef::Kind::Mlp, tower.prefix, layer, 0});
  if (!mlp) return;
  const bool mlp_off = off.contains({PartRef::Kind::Mlp, tower.prefix, layer, 0});
  const std::string block = static_cast<std::size_t>(layer) < tower.blocks.size()
                                ? tower.blocks[static_cast<std::size_t>(layer)]
                                : tower.prefix + "blocks." + std::to_string(layer);
  const int width = tower.mlp_width[static_cast<std::size_t>(layer)];
  const int dead = mlp_off ? width : neurons_off(block, edits);
  mlp->setCheckState(0, mlp_off ? Qt::Unchecked : state_of(dead, width));
  mlp->setText(1, dead ? tr("%1 of %2 neurons").arg(dead).arg(width) : QString());
  mlp->setForeground(0, mlp_off ? QBrush(s.faint) : QBrush());
}

void PartTree::set_picked(const std::vector<HeadRef>& heads) {
  filling_ = true;
  clearSelection();
  for (const auto& head : heads)
    if (QTreeWidgetItem* item = item_of({PartRef::Kind::Head, head.tower, head.layer, head.head})) item->setSelected(true);
  filling_ = false;
}

void PartTree::on_changed(QTreeWidgetItem* item) {
  if (filling_) return;
  const auto found = parts_.find(item);
  if (found == parts_.end()) return;
  const PartRef part = found->second;
  const bool off = item->checkState(0) == Qt::Unchecked;
  std::set<PartRef> parts = {part};
  if (part.kind == PartRef::Kind::Attention && !off)
    for (const auto& [other, unused] : items_)
      if (other.kind == PartRef::Kind::Head && other.tower == part.tower && other.layer == part.layer) parts.insert(other);
  emit switched(parts, off);
}

}  // namespace vitrine::views
