#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace vitrine::engine {

static_assert(std::endian::native == std::endian::little, "the readers map little-endian files as they are");

/// a * b, nothing if it does not fit 64 bits.
[[nodiscard]] inline std::optional<std::uint64_t> checked_mul(std::uint64_t a, std::uint64_t b) {
  std::uint64_t r = 0;
  if (__builtin_mul_overflow(a, b, &r)) return std::nullopt;
  return r;
}

/// a + b, nothing if it does not fit 64 bits.
[[nodiscard]] inline std::optional<std::uint64_t> checked_add(std::uint64_t a, std::uint64_t b) {
  std::uint64_t r = 0;
  if (__builtin_add_overflow(a, b, &r)) return std::nullopt;
  return r;
}

/// Little-endian value at any address.
template <class T>
[[nodiscard]] inline T load_le(const void* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

[[nodiscard]] inline std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Position of the first byte that is not well-formed UTF-8 (RFC 3629), nothing if all is.
[[nodiscard]] std::optional<std::size_t> first_bad_utf8(std::string_view text);
[[nodiscard]] inline bool is_utf8(std::string_view text) { return !first_bad_utf8(text); }

/// The text with one U+FFFD for each byte that is not UTF-8.
[[nodiscard]] std::string repaired_utf8(std::string_view text);

/// For messages: at most `limit` bytes, control and broken characters escaped, an ellipsis where it was cut.
[[nodiscard]] std::string printable(std::string_view text, std::size_t limit = 80);

/// Decimal digits only, no sign, no space; nothing if it does not fit.
[[nodiscard]] std::optional<std::uint64_t> parse_decimal(std::string_view text);

}  // namespace vitrine::engine
