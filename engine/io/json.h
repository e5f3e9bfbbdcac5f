#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "engine/core/error.h"

namespace vitrine::engine {

/// Parses JSON from an untrusted source: depth, size and duplicate keys are bounded before anything is built.
/// @error FileFormat with the byte offset; FileLimit
[[nodiscard]] Result<nlohmann::json> parse_json(std::string_view text, const std::string& file_name,
                                                std::size_t max_depth = 64);

/// Reads and parses a file of at most `max_bytes`.
[[nodiscard]] Result<nlohmann::json> read_json_file(const std::filesystem::path& path,
                                                    std::size_t max_bytes = std::size_t{64} << 20);

/// Writes atomically: the file appears whole or not at all.
[[nodiscard]] Status write_file_atomically(const std::filesystem::path& path, std::string_view bytes);

}  // namespace vitrine::engine
