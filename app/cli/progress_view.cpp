#include "app/cli/progress_view.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace vitrine::app {

using Clock = std::chrono::steady_clock;

std::string clock_text(double seconds) {
  if (!(seconds >= 0) || seconds > 1e7) return "?";
  const long s = std::lround(seconds);
  if (s < 3600) return fmt::format("{}:{:02}", s / 60, s % 60);
  return fmt::format("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60);
}

ProgressView::ProgressView(Mode mode) : mode_(mode), start_(Clock::now()), last_(start_ - std::chrono::hours(1)) {}

void ProgressView::update(double fraction, std::string_view what) {
  if (mode_ == Mode::None) return;
  std::lock_guard lock(mutex_);
  const auto now = Clock::now();
  const bool last = fraction >= 1;
  if (!last && now - last_ < std::chrono::milliseconds(100)) return;
  last_ = now;
  const double elapsed = std::chrono::duration<double>(now - start_).count();
  // The first moments say nothing about the pace.
  const double left = fraction > 0.01 && elapsed > 0.5 ? elapsed * (1 - fraction) / fraction : -1;
  if (mode_ == Mode::Json) {
    nlohmann::json line = {{"progress", fraction}, {"what", std::string(what)}, {"seconds", elapsed}};
    line["seconds_left"] = left >= 0 ? nlohmann::json(left) : nlohmann::json(nullptr);
    fmt::print(stderr, "{}\n", line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
    std::fflush(stderr);
    return;
  }
  draw_bar(fraction, what, left);
}

void ProgressView::draw_bar(double fraction, std::string_view what, double seconds_left) {
  winsize size{};
  const int columns = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 20 ? size.ws_col : 80;
  const int width = std::clamp(columns - 50, 10, 40);
  const int filled = static_cast<int>(std::clamp(fraction, 0.0, 1.0) * width);
  std::string line = fmt::format("[{}{}] {:3.0f}%", std::string(filled, '#'), std::string(width - filled, '.'),
                                 std::clamp(fraction, 0.0, 1.0) * 100);
  if (seconds_left >= 0) line += fmt::format("  {} left", clock_text(seconds_left));
  line += "  ";
  const auto room = static_cast<std::size_t>(std::max(0, columns - 1 - static_cast<int>(line.size())));
  line += what.substr(0, room);
  fmt::print(stderr, "\r\x1b[K{}", line);
  std::fflush(stderr);
  shown_ = true;
}

void ProgressView::clear() {
  std::lock_guard lock(mutex_);
  if (!shown_) return;
  fmt::print(stderr, "\r\x1b[K");
  std::fflush(stderr);
  shown_ = false;
}

}  // namespace vitrine::app
