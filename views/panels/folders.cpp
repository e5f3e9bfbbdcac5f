#include "views/panels/folders.h"

#include <QDir>
#include <QFileInfo>
#include <QSettings>

namespace vitrine::views {

namespace {
const QString kKey = QStringLiteral("last_folder");
}  // namespace

QString last_folder() {
  const QString kept = QSettings().value(kKey).toString();
  return !kept.isEmpty() && QFileInfo(kept).isDir() ? kept : QDir::homePath();
}

QString in_last_folder(const QString& name) { return QDir(last_folder()).filePath(name); }

void remember_folder_of(const QString& path) { QSettings().setValue(kKey, QFileInfo(path).absolutePath()); }

}  // namespace vitrine::views
