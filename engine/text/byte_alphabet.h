#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace vitrine::engine::text {

/// GPT-2's printable alphabet: each of the 256 bytes has one visible code point (space is U+0120).
/// @source Radford et al. 2019, section 2.2
[[nodiscard]] char32_t visible_of_byte(unsigned char byte);
/// The byte that a code point stands for, or nothing.
[[nodiscard]] std::optional<unsigned char> byte_of_visible(char32_t c);
/// The bytes that a token spelled in that alphabet stands for, or nothing if a code point is
/// outside it.
[[nodiscard]] std::optional<std::string> bytes_of_visible(std::string_view token);

}  // namespace vitrine::engine::text
