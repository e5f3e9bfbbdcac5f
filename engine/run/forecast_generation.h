#pragma once

#include "engine/run/run.h"

namespace vitrine::engine {

/// Whether a generation continues from cached keys and values; else it computes the whole text again for every token.
[[nodiscard]] bool can_cache(const Model& model, const std::map<std::string, Tensor>& inputs);

/// Bytes of the cache after the text and `steps` more tokens.
[[nodiscard]] std::int64_t cache_bytes(const Model& model, const std::map<std::string, Tensor>& inputs, int steps);

/// Peak and time of `generate`, predicted before anything is computed. A step takes as long as its operations, or as reading
/// every weight, whichever is longer; within a limit of memory, which measuring the speed of memory would not keep, the operations.
[[nodiscard]] Result<Forecast> forecast_generation(const Model& model, const std::map<std::string, Tensor>& inputs, int steps);

}  // namespace vitrine::engine
