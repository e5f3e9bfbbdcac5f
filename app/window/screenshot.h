#pragma once

#include <functional>

#include <QObject>
#include <QString>
#include <QTimer>

class QWidget;

namespace vitrine::app {

/// Waits until a window is at rest, draws it into a PNG, and says how it went.
class Screenshot : public QObject {
  Q_OBJECT
 public:
  static constexpr int kBeatMs = 50;
  static constexpr int kQuietBeats = 8;           ///< at rest for so long
  static constexpr int kMostBeats = 20 * 60 * 20; ///< gives up after 20 minutes

  /// @param busy whether anything is still being computed
  Screenshot(QWidget& window, QString path, std::function<bool()> busy, QObject* parent = nullptr);

 signals:
  /// @param problem empty if the picture was written
  void done(const QString& problem);

 private:
  void beat();

  QWidget& window_;
  QString path_;
  std::function<bool()> busy_;
  QTimer timer_;
  int quiet_ = 0, beats_ = 0;
};

/// A window as one picture, OpenGL widgets included. @return an empty sentence if it was written
[[nodiscard]] QString write_picture(QWidget& window, const QString& path);

}  // namespace vitrine::app
