#pragma once

#include <cstddef>

namespace vitrine::fault {

/// What is made to fail between `arm` and `disarm`, in the thread that armed it. This program's own malloc, calloc,
/// realloc, open, stat, mmap, read, write, ... stand before those of the C library, so that the libraries beneath the readers
/// (zlib, libpng, ICU, RE2, ...) fail as well.
enum class Kind {
  Allocation,  ///< no memory
  Budget,      ///< no memory beyond `Plan::at` bytes held at a time
  Call,        ///< a call about files fails with EIO
  ShortRead,   ///< a read gives fewer bytes than were asked for, or none; a write takes fewer
};

/// Which of the calls fail: the one with this number, from 0, or it and all after it.
struct Plan {
  Kind kind = Kind::Allocation;
  std::size_t at = 0;
  bool all_after = false;
};

/// What happened while armed.
struct Tally {
  std::size_t calls = 0;        ///< of the planned kind
  std::size_t failed = 0;
  std::ptrdiff_t blocks = 0;    ///< allocated and not freed
  std::size_t held = 0;         ///< bytes of those
  std::size_t most = 0;         ///< bytes that were held at once
  std::ptrdiff_t files = 0;     ///< opened and not closed
  std::ptrdiff_t maps = 0;      ///< mapped and not unmapped
};

void arm(const Plan& plan);
Tally disarm();

}  // namespace vitrine::fault
