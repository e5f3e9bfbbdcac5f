#pragma once

#include <functional>
#include <vector>

#include <QDialog>
#include <QString>

class QLineEdit;
class QListWidget;

namespace vitrine::app {

/// One thing that can be reached by typing a part of its name.
struct PaletteEntry {
  QString title;       ///< "Undo", "Head importance"
  QString group;       ///< "File", "Analysis", "Demo model"
  QString shortcut;    ///< shown at the right; may be empty
  QString keywords;    ///< searched, not shown
  bool enabled = true;
  std::function<void()> run;
};

/// How well `text` answers what was typed: 0 not at all; letters in order, better at word starts and in a row.
[[nodiscard]] int match_score(const QString& typed, const QString& text);

/// Ctrl+K: type, choose with the arrows, Return.
class CommandPalette : public QDialog {
  Q_OBJECT
 public:
  CommandPalette(std::vector<PaletteEntry> entries, QWidget* parent);
  /// For tests: rows as shown.
  [[nodiscard]] QStringList shown() const;

 protected:
  bool eventFilter(QObject* watched, QEvent* event) override;
  void showEvent(QShowEvent* event) override;

 private:
  void fill();
  void run_current();

  std::vector<PaletteEntry> entries_;
  QLineEdit* line_;
  QListWidget* list_;
};

}  // namespace vitrine::app
