#pragma once

#include "engine/run/run.h"

namespace vitrine::engine {

struct TowerSpec;

/// Of one tower's input; batch 0: it has none.
struct TowerSize {
  std::int64_t batch = 1, tokens = 1;
};
[[nodiscard]] TowerSize size_of(const TowerSpec& tower, const std::map<std::string, Tensor>& inputs);

/// Outputs for each token of all heads over a vocabulary.
[[nodiscard]] std::int64_t vocabulary(const Model& model);

/// The bytes of `forecast`, without its time.
[[nodiscard]] Forecast forecast_memory(const Model& model, const RunRequest& request);

}  // namespace vitrine::engine
