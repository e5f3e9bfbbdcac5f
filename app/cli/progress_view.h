#pragma once

#include <chrono>
#include <mutex>
#include <string>
#include <string_view>

namespace vitrine::app {

/// Shows progress on standard error: a bar with the time left, lines of JSON, or nothing. Thread safe.
class ProgressView {
 public:
  enum class Mode { Bar, Json, None };
  explicit ProgressView(Mode mode);

  void update(double fraction, std::string_view what);
  void clear();

 private:
  void draw_bar(double fraction, std::string_view what, double seconds_left);

  Mode mode_;
  std::mutex mutex_;
  std::chrono::steady_clock::time_point start_, last_;
  bool shown_ = false;
};

/// "0:07", "12:40", "3:05:00"; "?" for a negative number.
[[nodiscard]] std::string clock_text(double seconds);

}  // namespace vitrine::app
