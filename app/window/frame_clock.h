#pragma once

#include <vector>

#include <QElapsedTimer>
#include <QString>

namespace vitrine::app {

/// From an act to the painted frames that show its answers. One thread.
class FrameClock {
 public:
  /// An answer that is on screen.
  struct Shown {
    QString tag;
    bool whole = true;   ///< false: a growing answer
    double ms = 0;       ///< from the act to the end of the frame that painted it
  };

  /// Something was asked for: what was shown before does not count any more.
  void acted();
  /// An answer reached its panel; the next frame paints it.
  void delivered(const QString& tag, bool whole);
  /// A frame is on screen.
  void painted();
  /// Answers to the last act, in the order of their frames.
  [[nodiscard]] const std::vector<Shown>& shown() const { return shown_; }

 private:
  static constexpr std::size_t kMost = 4096;   ///< a sweep that fills in for hours is not kept whole

  QElapsedTimer since_act_;
  std::vector<Shown> waiting_, shown_;
};

}  // namespace vitrine::app
