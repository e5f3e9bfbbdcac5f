#pragma once

#include "engine/run/run.h"

namespace vitrine::engine {

struct PartSpec;
struct TowerSpec;

/// Rows and columns of a picture's patches, and the tokens before them.
struct TokenGrid {
  std::int64_t rows = 0, cols = 0, before = 0;
  [[nodiscard]] std::int64_t tokens() const { return rows * cols + before; }
};
/// As a patch stem cuts a picture of so many pixels.
[[nodiscard]] TokenGrid token_grid(const PartSpec& stem, std::int64_t height, std::int64_t width);

/// Of one tower's input; batch 0: it has none.
struct TowerSize {
  std::int64_t batch = 1, tokens = 1;
};
[[nodiscard]] TowerSize size_of(const TowerSpec& tower, const std::map<std::string, Tensor>& inputs);

/// Outputs for each token of all heads over a vocabulary.
[[nodiscard]] std::int64_t vocabulary(const Model& model);

/// @param what "a pass over this input"  @error DoesNotFit with what is needed, what is free and what is missing
[[nodiscard]] Status refuse_beyond_memory(std::int64_t needed, const std::string& what);

/// The bytes of `forecast`, without its time.
[[nodiscard]] Forecast forecast_memory(const Model& model, const RunRequest& request);

}  // namespace vitrine::engine
