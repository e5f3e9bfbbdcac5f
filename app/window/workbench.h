#pragma once

#include <map>
#include <vector>

#include <QByteArray>
#include <QMainWindow>
#include <QString>
#include <QStringList>

class QDockWidget;

namespace vitrine::app {

/// How docks stand in a preset: columns from the left, rows in a column, tabs in a row (the first is raised).
/// Names that no dock has are left out, so a preset may name panels of the second branch.
struct LayoutPreset {
  struct Column {
    int width;                            ///< share of the window
    std::vector<QStringList> rows;
    std::vector<int> heights;             ///< share of the column, one per row
  };
  QString name;
  std::vector<Column> columns;
};

/// Text, Image, Prune, Codebook, Compare, Tensors.
[[nodiscard]] const std::vector<LayoutPreset>& layout_presets();

/// The area of docks. Every dock can be closed, floated, tabbed; a preset puts all of them in their place.
class Workbench : public QMainWindow {
  Q_OBJECT
 public:
  explicit Workbench(QWidget* parent = nullptr);

  /// @param id stable; object name of the dock is "dock_" + id
  QDockWidget* add(const QString& id, const QString& title, QWidget* content);
  /// Takes a dock and its content away.
  void remove(const QString& id);
  [[nodiscard]] QDockWidget* dock(const QString& id) const;
  [[nodiscard]] const std::vector<QString>& ids() const { return ids_; }
  /// Ids of docks that are on the screen now.
  [[nodiscard]] QStringList visible_ids() const;

  /// As the preset says, or as the user left it (`as_left`) if it was changed.
  void apply_preset(const QString& name, bool as_left = true);
  [[nodiscard]] const QString& preset() const { return preset_; }
  /// Remembers the arrangement of the present preset in the settings.
  void keep_arrangement();
  void raise_dock(const QString& id);
  /// Tabs that are in front of their neighbours once the present preset is laid out; the keyboard stays where it is.
  void raise_tabs(const QStringList& ids);
  /// What `saveState` gave, instead of the preset's own arrangement. False: it is of other docks.
  bool restore_docks(const QByteArray& state);
  void focus_next_dock(int direction);

 signals:
  void visibility_changed();

 protected:
  void showEvent(QShowEvent* event) override;

 private:
  void place(const LayoutPreset& preset);
  void schedule_titles();
  void refresh_titles();
  void share_pending();
  void share_space(const LayoutPreset& preset);

  std::vector<QString> ids_;
  std::map<QString, QDockWidget*> docks_;
  QString preset_;
  QStringList raised_;   ///< by `raise_tabs`, until the next preset
  bool size_pending_ = false, titles_pending_ = false;
};

}  // namespace vitrine::app
