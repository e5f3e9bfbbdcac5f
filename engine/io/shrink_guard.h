#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

namespace vitrine::engine {

/// Keeps the process alive when a mapped file becomes shorter: what the kernel answers with SIGBUS becomes zero bytes
/// and a mark that readers ask for after they have read. The handler is installed with the first guard; faults that
/// are not in a guarded range go to the handler that was there before. Thread safe.
class ShrinkGuard {
 public:
  /// Guards `[begin, begin + size)`, a mapping of whole pages from byte 0 of a file.
  ShrinkGuard(const void* begin, std::size_t size);
  ~ShrinkGuard();
  ShrinkGuard(const ShrinkGuard&) = delete;
  ShrinkGuard& operator=(const ShrinkGuard&) = delete;

  /// False if too many files are guarded already (4096): the range must not be read then.
  [[nodiscard]] bool installed() const { return slot_ >= 0; }
  /// First byte from which zeros were read in place of the file's; nothing as long as every read was of the file.
  [[nodiscard]] std::optional<std::uint64_t> shrunk_at() const;

 private:
  int slot_ = -1;
};

}  // namespace vitrine::engine
