#pragma once

#include <QIcon>
#include <QString>

class QPalette;

namespace vitrine::app {

/// An icon of `resources/icons` in the text colours of a palette (normal and disabled).
[[nodiscard]] QIcon window_icon(const QString& name, const QPalette& palette);
/// The same in one colour.
[[nodiscard]] QIcon window_icon(const QString& name, const QColor& colour);
/// The icon of the program.
[[nodiscard]] QIcon program_icon();

}  // namespace vitrine::app
