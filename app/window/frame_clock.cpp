#include "app/window/frame_clock.h"

namespace vitrine::app {

void FrameClock::acted() {
  waiting_.clear();
  shown_.clear();
  since_act_.start();
}

void FrameClock::delivered(const QString& tag, bool whole) {
  if (since_act_.isValid() && shown_.size() + waiting_.size() < kMost) waiting_.push_back({tag, whole, 0});
}

void FrameClock::painted() {
  if (waiting_.empty()) return;
  const double ms = static_cast<double>(since_act_.nsecsElapsed()) / 1e6;
  for (auto& answer : waiting_) {
    answer.ms = ms;
    shown_.push_back(std::move(answer));
  }
  waiting_.clear();
}

}  // namespace vitrine::app
