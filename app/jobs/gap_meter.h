#pragma once

#include <QElapsedTimer>
#include <QObject>
#include <QTimer>

namespace vitrine::app {

/// Heartbeat of an event loop: the longest time in which nothing could be handled or painted.
class GapMeter : public QObject {
  Q_OBJECT
 public:
  static constexpr int kBeat = 5;   ///< ms

  explicit GapMeter(QObject* parent = nullptr) : QObject(parent) {
    timer_.setTimerType(Qt::PreciseTimer);
    connect(&timer_, &QTimer::timeout, this, &GapMeter::beat);
    timer_.start(kBeat);
    clock_.start();
  }
  /// Milliseconds since the last `reset`, beyond the beat itself.
  [[nodiscard]] double largest_ms() const { return largest_; }
  void reset() {
    largest_ = 0;
    clock_.restart();
  }

 private:
  void beat() {
    const double gap = static_cast<double>(clock_.nsecsElapsed()) / 1e6 - kBeat;
    clock_.restart();
    if (gap > largest_) largest_ = gap;
  }

  QTimer timer_;
  QElapsedTimer clock_;
  double largest_ = 0;
};

}  // namespace vitrine::app
