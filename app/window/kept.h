#pragma once

#include <QString>
#include <QVariant>

namespace vitrine::app {

/// The user's settings file (`QSettings`), written by a thread of its own: the window never waits for the disk.
[[nodiscard]] QVariant kept(const QString& key);
/// @param value an invalid one takes the key out
void keep(const QString& key, const QVariant& value);
/// Until all is on the disk.
void wait_until_kept();

}  // namespace vitrine::app
