#pragma once

#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace vitrine::engine {

/// What a user should know about a `tokenizer.json` that works but is odd: gaps in the ids, merges that can never or
/// only partly apply, unknown or byte tokens that are missing, added tokens of which one begins another.
[[nodiscard]] std::vector<std::string> tokenizer_notes(const nlohmann::json& tokenizer);

}  // namespace vitrine::engine
