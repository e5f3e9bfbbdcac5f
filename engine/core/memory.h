#pragma once

#include <new>
#include <stdexcept>
#include <string>
#include <utility>

#include "engine/core/error.h"

namespace vitrine::engine {

/// The error of a reader that ran out of memory; made without any, if need be.
[[nodiscard]] Error out_of_memory(const std::string& file) noexcept;

/// Sets 4 MB aside, unless they are. When `new` finds no memory it gives them up and tries once more: destructors that
/// need a little (those of JSON values do, and may not fail) find it there, and `ask_memory` ends the work soon after.
/// @return false if there are no 4 MB
[[nodiscard]] bool keep_memory_in_reserve() noexcept;

/// Whether the reserve has been given up while this thread is inside a door. Elsewhere nobody would catch what
/// `ask_memory` throws.
[[nodiscard]] bool memory_is_low() noexcept;

/// A thread is inside a door as long as it has one of these.
class InsideDoor {
 public:
  InsideDoor() noexcept;
  ~InsideDoor();
  InsideDoor(const InsideDoor&) = delete;
  InsideDoor& operator=(const InsideDoor&) = delete;
};

/// For the places that every reader passes often: throws std::bad_alloc where memory is low, while enough is left to
/// clean up.
inline void ask_memory() {
  if (memory_is_low()) [[unlikely]]
    throw std::bad_alloc();
}

/// Calls `work`, the whole of a reader, and turns its running out of memory into its error. The doors through which
/// files come in stand in this, nothing inside of them.
/// @param file which file, for the message
/// @error FileLimit
template <class Work>
[[nodiscard]] auto within_memory(const std::string& file, Work&& work) -> decltype(work()) {
  const InsideDoor inside;
  try {
    if (!keep_memory_in_reserve()) return fail(out_of_memory(file));
    return std::forward<Work>(work)();
  } catch (const std::bad_alloc&) {
    return fail(out_of_memory(file));
  } catch (const std::length_error&) {
    return fail(out_of_memory(file));
  }
}

}  // namespace vitrine::engine
