#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string_view>

#include "engine/core/error.h"

namespace vitrine::engine {

/// Cancellation and progress of one piece of work. Copies share state; any thread may cancel.
class Progress {
 public:
  /// @param fraction 0 to 1; @param what what is being done, for a person
  using Listener = std::function<void(double fraction, std::string_view what)>;

  Progress() : cancelled_(std::make_shared<std::atomic<bool>>(false)) {}
  explicit Progress(Listener listener) : Progress() { listener_ = std::move(listener); }

  /// Shares the cancellation but reports nothing: for a part of a larger piece of work.
  [[nodiscard]] Progress silent() const {
    Progress copy = *this;
    copy.listener_ = nullptr;
    return copy;
  }

  void cancel() const { cancelled_->store(true, std::memory_order_relaxed); }
  [[nodiscard]] bool cancelled() const { return cancelled_->load(std::memory_order_relaxed); }

  /// Reports, and returns the Cancelled error if somebody asked to stop.
  Status step(double fraction, std::string_view what = {}) const {
    if (cancelled()) return fail(ErrorCode::Cancelled, "stopped before it was finished");
    if (listener_) listener_(fraction, what);
    return {};
  }

 private:
  std::shared_ptr<std::atomic<bool>> cancelled_;
  Listener listener_;
};

}  // namespace vitrine::engine
