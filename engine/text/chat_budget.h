#pragma once

#include <optional>

#include <fmt/format.h>

#include "engine/core/error.h"
#include "engine/text/chat_template.h"

namespace vitrine::engine::text::chat {

/// Counts what rendering has cost so far. Nothing is given back: what was made stays counted.
class Budget {
 public:
  explicit Budget(const ChatLimits& limits) : limits_(limits) {}

  [[nodiscard]] const ChatLimits& limits() const { return limits_; }
  [[nodiscard]] Status step() {
    if (++steps_ <= limits_.steps) return {};
    return fail(ErrorCode::DoesNotFit, fmt::format("needs more than {} steps", limits_.steps));
  }
  /// @param bytes made, copied or looked through
  [[nodiscard]] Status spend(std::size_t bytes) {
    if (bytes <= limits_.work_bytes - spent_) {
      spent_ += bytes;
      return {};
    }
    return fail(ErrorCode::DoesNotFit,
                fmt::format("makes texts and lists of more than {} bytes", limits_.work_bytes));
  }

 private:
  ChatLimits limits_;
  std::int64_t steps_ = 0;
  std::size_t spent_ = 0;
};

}  // namespace vitrine::engine::text::chat
