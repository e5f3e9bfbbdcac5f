#include "app/window/workbench.h"

#include <algorithm>

#include <QApplication>
#include <QDockWidget>
#include <QTabBar>
#include <QTimer>

#include "app/window/kept.h"

namespace vitrine::app {

namespace {

QString arrangement_key(const QString& preset) { return QStringLiteral("arrangement/") + preset; }

}  // namespace

const std::vector<LayoutPreset>& layout_presets() {
  static const std::vector<LayoutPreset> kPresets = {
      {"Text",
       {{24, {{"input"}, {"heads", "card"}}, {50, 50}},
        {46, {{"attention", "trajectory", "analyses", "tensors", "diff"}}, {1}},
        {30, {{"importance", "pruning", "codebook"}, {"journal"}}, {64, 36}}}},
      {"Image",
       {{26, {{"input", "card"}, {"journal"}}, {66, 34}},
        {44, {{"attention", "trajectory", "analyses"}}, {1}},
        {30, {{"heads"}, {"importance", "pruning"}}, {44, 56}}}},
      {"Prune",
       {{24, {{"input", "card"}, {"heads"}, {"journal"}}, {44, 32, 24}},
        {40, {{"importance", "analyses"}, {"attention"}}, {52, 48}},
        {36, {{"pruning"}}, {1}}}},
      {"Codebook",
       {{24, {{"input"}, {"heads", "card"}}, {50, 50}},
        {46, {{"codebook", "analyses"}}, {1}},
        {30, {{"attention", "pruning"}, {"journal"}}, {60, 40}}}},
      {"Compare",
       {{40, {{"attention", "heads", "pruning"}, {"input"}}, {58, 42}},
        {40, {{"b_attention", "b_heads", "b_pruning"}, {"b_input"}}, {58, 42}},
        {20, {{"journal"}}, {1}}}},
      {"Tensors",
       {{22, {{"card", "input"}, {"journal"}}, {62, 38}},
        {78, {{"tensors", "diff"}}, {1}}}},
  };
  return kPresets;
}

Workbench::Workbench(QWidget* parent) : QMainWindow(parent, Qt::Widget) {
  setDockOptions(AnimatedDocks | AllowNestedDocks | AllowTabbedDocks | GroupedDragging);
  setTabPosition(Qt::AllDockWidgetAreas, QTabWidget::North);
  setDocumentMode(true);
}

QDockWidget* Workbench::add(const QString& id, const QString& title, QWidget* content) {
  auto* dock = new QDockWidget(title, this);
  dock->setObjectName(QStringLiteral("dock_") + id);
  // Docks may shrink below what their content would like, so that the window keeps the size it was given.
  content->setMinimumSize(160, 120);
  dock->setWidget(content);
  content->setObjectName(content->objectName().isEmpty() ? QStringLiteral("panel_") + id : content->objectName());
  addDockWidget(Qt::LeftDockWidgetArea, dock);
  dock->hide();
  connect(dock, &QDockWidget::visibilityChanged, this, &Workbench::visibility_changed);
  for (auto signal : {&QDockWidget::topLevelChanged, &QDockWidget::visibilityChanged})
    connect(dock, signal, this, &Workbench::schedule_titles);
  connect(dock, &QDockWidget::dockLocationChanged, this, &Workbench::schedule_titles);
  docks_[id] = dock;
  ids_.push_back(id);
  return dock;
}

void Workbench::remove(const QString& id) {
  QDockWidget* gone = dock(id);
  if (!gone) return;
  disconnect(gone, nullptr, this, nullptr);
  removeDockWidget(gone);
  docks_.erase(id);
  std::erase(ids_, id);
  delete gone;
}

QDockWidget* Workbench::dock(const QString& id) const {
  const auto it = docks_.find(id);
  return it == docks_.end() ? nullptr : it->second;
}

QStringList Workbench::visible_ids() const {
  QStringList out;
  for (const auto& [id, dock] : docks_)
    if (dock->isVisible() && !dock->visibleRegion().isEmpty()) out << id;
  return out;
}

void Workbench::apply_preset(const QString& name, bool as_left) {
  const auto& presets = layout_presets();
  const auto preset = std::find_if(presets.begin(), presets.end(), [&](const auto& p) { return p.name == name; });
  if (preset == presets.end()) return;
  if (preset_ == name && as_left) return;
  if (!preset_.isEmpty() && isVisible() && !size_pending_) keep_arrangement();
  preset_ = name;
  raised_.clear();
  if (!as_left) keep(arrangement_key(name), {});
  const QByteArray left = kept(arrangement_key(name)).toByteArray();
  size_pending_ = false;
  if (as_left && !left.isEmpty() && restoreState(left)) return;
  place(*preset);
  size_pending_ = true;
  if (isVisible()) QTimer::singleShot(0, this, &Workbench::share_pending);
}

/// Sizes and raised tabs hold only once the docks are laid out on the screen.
void Workbench::share_pending() {
  if (!size_pending_ || !isVisible()) return;
  size_pending_ = false;
  for (const auto& preset : layout_presets())
    if (preset.name == preset_) share_space(preset);
}

void Workbench::place(const LayoutPreset& preset) {
  for (const auto& [id, dock] : docks_) {
    dock->setFloating(false);
    removeDockWidget(dock);
  }
  // Splitting beside a dock that is in a tab group would join the group: so first split, then make tabs.
  std::vector<std::vector<QList<QDockWidget*>>> columns;
  for (const auto& column : preset.columns) {
    std::vector<QList<QDockWidget*>> rows;
    for (const QStringList& tabs : column.rows) {
      QList<QDockWidget*> docks;
      for (const QString& id : tabs)
        if (QDockWidget* found = dock(id)) docks << found;
      if (!docks.isEmpty()) rows.push_back(docks);
    }
    if (!rows.empty()) columns.push_back(std::move(rows));
  }
  for (std::size_t c = 0; c < columns.size(); ++c) {
    QDockWidget* top = columns[c].front().front();
    if (c == 0)
      addDockWidget(Qt::LeftDockWidgetArea, top);
    else
      splitDockWidget(columns[c - 1].front().front(), top, Qt::Horizontal);
  }
  for (const auto& column : columns)
    for (std::size_t r = 1; r < column.size(); ++r) splitDockWidget(column[r - 1].front(), column[r].front(), Qt::Vertical);
  for (const auto& column : columns)
    for (const auto& row : column) {
      for (qsizetype i = 1; i < row.size(); ++i) tabifyDockWidget(row[i - 1], row[i]);
      for (QDockWidget* shown : row) shown->show();
      row.front()->raise();
    }
}

void Workbench::schedule_titles() {
  if (titles_pending_) return;
  titles_pending_ = true;
  QTimer::singleShot(0, this, [this] {
    titles_pending_ = false;
    refresh_titles();
  });
}

/// A tab says what a title bar would say again: only docks that stand alone have one.
void Workbench::refresh_titles() {
  for (QTabBar* tabs : findChildren<QTabBar*>(Qt::FindDirectChildrenOnly)) tabs->setDrawBase(false);
  for (const auto& [id, dock] : docks_) {
    const bool tabbed = !dock->isFloating() && !tabifiedDockWidgets(dock).isEmpty();
    if (tabbed == (dock->titleBarWidget() != nullptr)) continue;
    QWidget* old = dock->titleBarWidget();
    dock->setTitleBarWidget(tabbed ? new QWidget(dock) : nullptr);
    if (old) old->deleteLater();
  }
}

void Workbench::share_space(const LayoutPreset& preset) {
  QList<QDockWidget*> heads;
  QList<int> widths;
  for (const auto& column : preset.columns) {
    QList<QDockWidget*> firsts;
    QList<int> heights;
    for (std::size_t r = 0; r < column.rows.size(); ++r)
      for (const QString& id : column.rows[r])
        if (QDockWidget* dock = this->dock(id)) {
          firsts << dock;
          heights << column.heights[r] * height() / 100;
          break;
        }
    if (firsts.isEmpty()) continue;
    heads << firsts.front();
    widths << column.width * width() / 100;
    if (firsts.size() > 1) resizeDocks(firsts, heights, Qt::Vertical);
  }
  resizeDocks(heads, widths, Qt::Horizontal);
  for (const auto& column : preset.columns)
    for (const auto& tabs : column.rows)
      for (const QString& id : tabs)
        if (QDockWidget* dock = this->dock(id)) {
          dock->raise();
          break;
        }
  raise_tabs(raised_);
}

void Workbench::raise_tabs(const QStringList& ids) {
  raised_ = ids;
  if (size_pending_ || !isVisible()) return;
  for (const QString& id : ids)
    if (QDockWidget* dock = this->dock(id)) {
      dock->show();
      dock->raise();
    }
}

bool Workbench::restore_docks(const QByteArray& state) {
  if (!restoreState(state)) return false;
  size_pending_ = false;
  return true;
}

void Workbench::showEvent(QShowEvent* event) {
  QMainWindow::showEvent(event);
  if (size_pending_)
    QTimer::singleShot(0, this, &Workbench::share_pending);
  else
    QTimer::singleShot(0, this, [this] { raise_tabs(raised_); });
}

void Workbench::keep_arrangement() { keep(arrangement_key(preset_), saveState()); }

void Workbench::raise_dock(const QString& id) {
  QDockWidget* dock = this->dock(id);
  if (!dock) return;
  dock->show();
  dock->raise();
  dock->widget()->setFocus(Qt::ShortcutFocusReason);
  if (QWidget* first = dock->widget()->nextInFocusChain(); first && dock->widget()->isAncestorOf(first) && !dock->widget()->hasFocus())
    first->setFocus(Qt::ShortcutFocusReason);
}

void Workbench::focus_next_dock(int direction) {
  const QStringList shown = visible_ids();
  if (shown.isEmpty()) return;
  int here = -1;
  for (int i = 0; i < shown.size(); ++i)
    if (dock(shown[i])->isAncestorOf(QApplication::focusWidget())) here = i;
  raise_dock(shown[(here + direction + shown.size()) % shown.size()]);
}

}  // namespace vitrine::app
