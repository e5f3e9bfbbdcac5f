#pragma once

#include <map>
#include <set>

#include <QTreeWidget>

#include "views/panels/part_edits.h"

namespace vitrine::views {

/// The model as towers, layers, attention blocks with heads, and MLPs; a checked part is in use.
class PartTree : public QTreeWidget {
  Q_OBJECT
 public:
  explicit PartTree(QWidget* parent = nullptr);
  void set_model(const ModelState* model);
  /// Shows what the edits switch off. Without `switched`.
  void set_edits(const ModelState& model, const engine::EditList& edits);
  /// Heads drawn as selected; without `picked`.
  void set_picked(const std::vector<HeadRef>& heads);
  [[nodiscard]] QTreeWidgetItem* item_of(const PartRef& part) const;

 signals:
  void switched(const std::set<vitrine::views::PartRef>& parts, bool off);
  void picked(const std::vector<vitrine::views::HeadRef>& heads);

 private:
  void add_tower(const TowerState& tower, QTreeWidgetItem* parent);
  QTreeWidgetItem* add_part(QTreeWidgetItem* parent, const QString& text, const PartRef& part);
  void on_changed(QTreeWidgetItem* item);
  void show_layer(const TowerState& tower, int layer, const std::set<PartRef>& off, const engine::EditList& edits);

  std::map<PartRef, QTreeWidgetItem*> items_;
  std::map<QTreeWidgetItem*, PartRef> parts_;
  bool filling_ = false;
  bool unseen_ = true;   ///< the first edits of a model are scrolled to
};

}  // namespace vitrine::views
