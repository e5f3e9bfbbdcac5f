#include "app/window/icons.h"

#include <QFile>
#include <QPainter>
#include <QPalette>
#include <QPixmap>
#include <QSvgRenderer>

/// Resources of a static library are there only once they are asked for; the macro works outside namespaces.
static void load_icons() { Q_INIT_RESOURCE(window); }

namespace vitrine::app {

namespace {

QPixmap painted(const QString& name, const QColor& colour, int size) {
  ::load_icons();
  QFile file(QStringLiteral(":/window/%1.svg").arg(name));
  if (!file.open(QIODevice::ReadOnly)) return {};
  QByteArray text = file.readAll();
  text.replace("#888888", colour.name().toUtf8());
  QSvgRenderer renderer(text);
  QPixmap pixmap(size, size);
  pixmap.fill(Qt::transparent);
  QPainter painter(&pixmap);
  renderer.render(&painter);
  return pixmap;
}

}  // namespace

QIcon window_icon(const QString& name, const QColor& colour) {
  QIcon icon;
  for (int size : {20, 40}) icon.addPixmap(painted(name, colour, size));
  return icon;
}

QIcon window_icon(const QString& name, const QPalette& palette) {
  QIcon icon = window_icon(name, palette.color(QPalette::Active, QPalette::WindowText));
  for (int size : {20, 40})
    icon.addPixmap(painted(name, palette.color(QPalette::Disabled, QPalette::WindowText), size), QIcon::Disabled);
  return icon;
}

QIcon program_icon() {
  QIcon icon;
  for (int size : {16, 32, 64, 128}) icon.addPixmap(painted(QStringLiteral("vitrine"), QColor(0x88, 0x88, 0x88), size));
  return icon;
}

}  // namespace vitrine::app
