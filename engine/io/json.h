#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "engine/core/error.h"

namespace vitrine::engine {

/// Parses JSON (RFC 8259, strictly) from an untrusted source. Depth, memory and duplicate keys are bounded while it
/// reads: at most `max_depth` levels and 192 MB more than the text. NaN, Infinity and numbers outside of double are
/// refused; `-0` is the float that it is.
/// @error FileFormat with the byte offset; FileLimit
[[nodiscard]] Result<nlohmann::json> parse_json(std::string_view text, const std::string& file_name,
                                                std::size_t max_depth = 64);

/// Reads and parses a file of at most `max_bytes`.
[[nodiscard]] Result<nlohmann::json> read_json_file(const std::filesystem::path& path,
                                                    std::size_t max_bytes = std::size_t{64} << 20);

/// A number as configurations write it: a JSON number, or `{"__float__": "Infinity" | "-Infinity" | "NaN"}`
/// (what transformers writes where JSON has no word). Nothing if it is neither.
[[nodiscard]] std::optional<double> json_number(const nlohmann::json& value);

/// Writes atomically: the file appears whole or not at all.
[[nodiscard]] Status write_file_atomically(const std::filesystem::path& path, std::string_view bytes);

}  // namespace vitrine::engine
