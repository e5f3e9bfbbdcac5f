#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "engine/core/error.h"

namespace vitrine::engine {

struct ConfigCheckOptions {
  /// What else says which model it is (the class in a case, a manifest): a configuration without a name is then fine.
  std::string_view named_elsewhere;
  /// Model types beyond those of the built-in table.
  std::span<const std::string_view> more_model_types;
};

/// Whether a parsed `config.json` can describe a model at all: sizes are whole, positive and within limits, heads
/// divide widths, lists go together, names (activation, rope type, layer type, model type) are known. Nested
/// configurations (`text_config`, `vision_config`, ...) are checked by the same rules. Keys that no rule knows pass.
/// @return warnings: what a model can live with and a user should see
/// @error FileFormat naming the key; Unsupported for a name that is not known; FileLimit for a size beyond the limit
[[nodiscard]] Result<std::vector<std::string>> check_config(const nlohmann::json& config, const std::string& file_name,
                                                            const ConfigCheckOptions& options = {});

/// Whether a Hugging Face `model_type` is in the built-in table.
[[nodiscard]] bool is_known_model_type(std::string_view model_type);

}  // namespace vitrine::engine
