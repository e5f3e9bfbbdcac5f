#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "engine/core/error.h"
#include "engine/io/mapped_file.h"
#include "engine/isolate/descriptor.h"

namespace vitrine::engine::isolate {

/// Memory without a name that two processes can map: made here with its final size, which can never change.
/// @error DoesNotFit
[[nodiscard]] Result<Descriptor> make_memory(std::uint64_t bytes);
/// The same, filled with `content` and never to be written again.
[[nodiscard]] Result<Descriptor> make_sealed(std::span<const std::byte> content);
/// Forbids writing for good. @error Internal while somebody has it mapped for writing
[[nodiscard]] Status seal(const Descriptor& memory);

/// Write access to memory that the other process lent.
class WritableMemory {
 public:
  [[nodiscard]] static Result<WritableMemory> map(const Descriptor& memory, std::uint64_t bytes);
  WritableMemory(WritableMemory&& other) noexcept;
  WritableMemory& operator=(WritableMemory&&) = delete;
  ~WritableMemory();
  [[nodiscard]] std::span<std::byte> bytes() const { return bytes_; }

 private:
  explicit WritableMemory(std::span<std::byte> bytes) : bytes_(bytes) {}
  std::span<std::byte> bytes_;
};

}  // namespace vitrine::engine::isolate
