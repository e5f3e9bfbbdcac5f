#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

#include "engine/core/error.h"
#include "engine/core/progress.h"

namespace vitrine::engine {

/// SHA-256 of bytes given in pieces.
/// @source FIPS 180-4
class Sha256 {
 public:
  void update(std::span<const std::byte> bytes);
  /// 64 lower-case hexadecimal digits; nothing may be added afterwards.
  [[nodiscard]] std::string finish();

 private:
  void block(const std::byte* bytes);

  std::array<std::uint32_t, 8> state_{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<std::byte, 64> pending_{};
  std::size_t pending_size_ = 0;
  std::uint64_t total_ = 0;
};

[[nodiscard]] std::string sha256(std::span<const std::byte> bytes);
[[nodiscard]] std::string sha256(const std::string& text);
/// @error FileMissing, Cancelled
/// @cost one pass over the file
[[nodiscard]] Result<std::string> sha256_file(const std::filesystem::path& path, const Progress& progress = {});

}  // namespace vitrine::engine
