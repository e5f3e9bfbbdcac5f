#pragma once

#include <vector>

#include <QDialog>

#include "app/window/actions.h"
#include "engine/plugin/loader.h"

namespace vitrine::app {

/// What became of each plugin folder: name, version, what it adds, or why it is not active.
class PluginPage : public QDialog {
  Q_OBJECT
 public:
  PluginPage(const std::vector<engine::PluginStatus>& plugins, QWidget* parent);
};

/// Every shortcut of the window, by menu.
class ShortcutSheet : public QDialog {
  Q_OBJECT
 public:
  ShortcutSheet(const ActionTable& actions, QWidget* parent);
};

/// What is kept between starts.
struct Settings {
  bool dark = true;
  QString color_map = QStringLiteral("viridis");
  int threads = 0;          ///< 0: as many as the machine has
  bool autosave = true;
  bool samples = true;      ///< a model opened without an input starts with a sample

  [[nodiscard]] static Settings load();
  void save() const;
};

class SettingsPage : public QDialog {
  Q_OBJECT
 public:
  SettingsPage(const Settings& settings, QWidget* parent);
  [[nodiscard]] Settings settings() const { return settings_; }

 signals:
  /// At each change; nothing waits for a button.
  void changed(const vitrine::app::Settings& settings);

 private:
  Settings settings_;
};

class AboutPage : public QDialog {
  Q_OBJECT
 public:
  explicit AboutPage(QWidget* parent);
};

}  // namespace vitrine::app
