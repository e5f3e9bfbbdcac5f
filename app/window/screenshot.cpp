#include "app/window/screenshot.h"

#include <utility>

#include <QFile>
#include <QImage>
#include <QSaveFile>
#include <QWidget>

namespace vitrine::app {

Screenshot::Screenshot(QWidget& window, QString path, std::function<bool()> busy, QObject* parent)
    : QObject(parent), window_(window), path_(std::move(path)), busy_(std::move(busy)) {
  connect(&timer_, &QTimer::timeout, this, &Screenshot::beat);
  timer_.start(kBeatMs);
}

void Screenshot::beat() {
  quiet_ = busy_() ? 0 : quiet_ + 1;
  if (++beats_ > kMostBeats) {
    timer_.stop();
    emit done(QStringLiteral("the window was not at rest within 20 minutes"));
  } else if (quiet_ >= kQuietBeats) {
    timer_.stop();
    emit done(write_picture(window_, path_));
  }
}

QString write_picture(QWidget& window, const QString& path) {
  const QImage image = window.grab().toImage().convertToFormat(QImage::Format_RGB888);
  QSaveFile file(path);
  if (!file.open(QIODevice::WriteOnly) || !image.save(&file, "PNG") || !file.commit())
    return QStringLiteral("%1: cannot be written: %2").arg(path, file.errorString());
  return {};
}

}  // namespace vitrine::app
