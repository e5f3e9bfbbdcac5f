#pragma once

#include "engine/nn/part.h"

namespace vitrine::engine {

[[nodiscard]] Result<std::unique_ptr<Part>> make_token_embedding(const nlohmann::json& params, BuildContext& context);
[[nodiscard]] Result<std::unique_ptr<Part>> make_patch_embedding(const nlohmann::json& params, BuildContext& context);

/// Builds the part that parameter `name` describes, at `path.name`; nullptr if it is absent or null.
[[nodiscard]] Result<std::unique_ptr<Part>> build_inner(const nlohmann::json& params, const char* name, BuildContext& context);

}  // namespace vitrine::engine
