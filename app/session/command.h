#pragma once

#include <cstddef>
#include <string>

#include <nlohmann/json.hpp>

#include "engine/core/error.h"
#include "engine/run/input.h"

namespace vitrine::app {

/// A user act as data, e.g. `{"do": "edit", "edits": [...]}`; the forms are listed in README.md.
using Command = nlohmann::json;

inline constexpr std::size_t kMaxCommandText = std::size_t{4} << 20;  ///< bytes of one text
inline constexpr std::size_t kMaxCommandItems = 100'000;              ///< edits or captions of one command

/// Refuses what is not one of the forms: unknown `do`, unknown or missing keys, wrong types, too much of anything.
/// @error Usage naming the command and the key
[[nodiscard]] engine::Status check_command(const Command& command);

/// What the journal shows: "Zeroed head 5.1", "Opened demo:vit_digits", "Text \"The cat sat\"".
[[nodiscard]] std::string describe_command(const Command& command);

/// The keys of `set_input` without `do`, for session and job files.
[[nodiscard]] nlohmann::json input_to_json(const engine::InputItem& item);
/// @error Usage naming the key
[[nodiscard]] engine::Result<engine::InputItem> input_from_json(const nlohmann::json& json);

[[nodiscard]] Command open_model_command(const std::string& model);
[[nodiscard]] Command set_input_command(const engine::InputItem& item);

}  // namespace vitrine::app
