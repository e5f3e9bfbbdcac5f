#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "engine/core/error.h"

namespace vitrine::engine {

/// The wire types of protobuf that are still in use; groups are refused.
enum class ProtoWire { Varint = 0, Fixed64 = 1, Bytes = 2, Fixed32 = 5 };

struct ProtoField {
  std::uint32_t number = 0;
  ProtoWire wire = ProtoWire::Varint;
  std::uint64_t value = 0;            ///< Varint, Fixed64, Fixed32
  std::span<const std::byte> bytes;   ///< Bytes
  std::uint64_t offset = 0;           ///< in the file: of the bytes, or of the field

  [[nodiscard]] std::string_view text() const {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
};

/// Walks the fields of one protobuf message. Never reads outside, never allocates.
class ProtoReader {
 public:
  /// @param base offset of the first byte in the file, for messages
  ProtoReader(std::span<const std::byte> bytes, std::uint64_t base) : bytes_(bytes), base_(base) {}

  [[nodiscard]] bool done() const { return at_ >= bytes_.size(); }
  [[nodiscard]] std::uint64_t offset() const { return base_ + at_; }
  /// @error FileFormat with the byte
  [[nodiscard]] Result<ProtoField> next();
  /// One varint, for packed fields.
  [[nodiscard]] Result<std::uint64_t> varint();

 private:
  [[nodiscard]] tl::unexpected<Error> refuse(std::string message, std::size_t at) const;

  std::span<const std::byte> bytes_;
  std::uint64_t base_;
  std::size_t at_ = 0;
};

}  // namespace vitrine::engine
