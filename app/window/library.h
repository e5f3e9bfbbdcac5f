#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <QString>
#include <QStringList>

namespace vitrine::app {

/// A model that is one click away.
struct LibraryModel {
  QString title;
  QString detail;        ///< one line: what it is
  std::string model;     ///< what `open_model` takes
};

/// The demo models that are installed, with a line on each.
[[nodiscard]] std::vector<LibraryModel> demo_models();
/// Models in the user's data folder, `$XDG_DATA_HOME/vitrine/models`: folders and single files.
[[nodiscard]] std::vector<LibraryModel> downloaded_models();
/// Models and sessions opened last, newest first; those that are gone are left out.
[[nodiscard]] std::vector<LibraryModel> recent_models();
void remember_recent(const QString& path);
void clear_recent();

/// `$XDG_DATA_HOME/vitrine`, with the fallback of the specification.
[[nodiscard]] std::filesystem::path data_folder();
/// `$XDG_STATE_HOME/vitrine`: autosaved sessions.
[[nodiscard]] std::filesystem::path state_folder();

}  // namespace vitrine::app
