#pragma once

#include <QString>

namespace vitrine::views {

/// Where every file dialog starts: beside what was last opened or written, at first in the home folder.
[[nodiscard]] QString last_folder();
/// A proposed file name there.
[[nodiscard]] QString in_last_folder(const QString& name);
/// After a dialog gave `path`.
void remember_folder_of(const QString& path);

}  // namespace vitrine::views
