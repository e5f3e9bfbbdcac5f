#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>

#include <nlohmann/json.hpp>

#include "app/session/journal.h"
#include "engine/core/error.h"

namespace vitrine::app {

/// Everything a `.vitrine` file keeps.
struct SessionDocument {
  Journal journal;
  std::string model_sha256;                                 ///< of the weights at the current step; empty: not computed
  std::uint64_t seed = 0;
  /// {"preset", "docks": base64, "raised": [tabs], "views" and "views_b": what is looked at in each branch}
  nlohmann::json layout = nlohmann::json::object();
  nlohmann::json colour_ranges = nlohmann::json::object();  ///< panel id -> {"min", "max", "log", "map"}
};

inline constexpr int kSessionSchema = 1;
inline constexpr std::size_t kMaxSessionBytes = std::size_t{64} << 20;

/// `{"vitrine_session": 1, "vitrine": version, "model": {...}, "inputs": [...], "seed", "journal", "layout", "colour_ranges"}`.
/// `model` and `inputs` repeat what the journal says at its cursors, for people and other programs.
[[nodiscard]] nlohmann::json session_to_json(const SessionDocument& document);
/// @param file only for the message
/// @error FileFormat, Unsupported (a newer schema), FileLimit
[[nodiscard]] engine::Result<SessionDocument> session_from_json(const nlohmann::json& json, const std::string& file);

/// Written whole or not at all.
[[nodiscard]] engine::Status write_session(const std::filesystem::path& path, const SessionDocument& document);
/// @error FileMissing, FileFormat with the byte where one exists, FileLimit, Unsupported
[[nodiscard]] engine::Result<SessionDocument> read_session(const std::filesystem::path& path);

}  // namespace vitrine::app
