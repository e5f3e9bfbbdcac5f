#pragma once

#include <unistd.h>

#ifdef VITRINE_COVERAGE
extern "C" void __gcov_dump();
#endif

namespace vitrine::test {

/// Whether lines are counted: what took its time by the clock is then not judged.
#ifdef VITRINE_COVERAGE
inline constexpr bool kCounted = true;
#else
inline constexpr bool kCounted = false;
#endif

/// Ends a child process of a test at once, as `_exit` does, and keeps what it counted where lines are counted.
[[noreturn]] inline void leave(int status) {
#ifdef VITRINE_COVERAGE
  __gcov_dump();
#endif
  ::_exit(status);
}

}  // namespace vitrine::test
