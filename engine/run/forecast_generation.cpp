#include "engine/run/forecast_generation.h"

#include <algorithm>

#include "engine/core/free_memory.h"
#include "engine/model/model.h"
#include "engine/run/machine_speed.h"
#include "engine/run/model_cost.h"

namespace vitrine::engine {

namespace {

std::int64_t length_of(const std::map<std::string, Tensor>& inputs) {
  const auto ids = inputs.find("input_ids");
  return ids == inputs.end() || ids->second.dim() != 2 ? 0 : ids->second.size(1);
}

/// Of one token after `before` others.
double step_seconds(const Model& model, std::int64_t before) {
  double flops = 0, weights = 0;
  for (const TowerCost& tower : model_cost(model, step_for(model, 1, before))) {
    flops += tower.flops();
    weights += tower.weights_read();
  }
  const double seconds = flops / linear_flops_per_second(model.dtype());
  if (memory_limit() > 0) return seconds;
  return std::max(seconds, weights * static_cast<double>(byte_size(model.dtype())) / memory_bytes_per_second());
}

}  // namespace

bool can_cache(const Model& model, const std::map<std::string, Tensor>& inputs) {
  const auto ids = inputs.find("input_ids");
  if (ids == inputs.end() || ids->second.dim() != 2 || ids->second.size(0) != 1) return false;
  if (model.towers().size() != 1 || !model.causal_lm()) return false;
  return std::all_of(model.towers()[0].mixers.begin(), model.towers()[0].mixers.end(), [](const auto& m) { return m.kind == "attention"; });
}

std::int64_t cache_bytes(const Model& model, const std::map<std::string, Tensor>& inputs, int steps) {
  if (!can_cache(model, inputs)) return 0;
  std::int64_t values = 0;   // of all tokens, also where a window hides the first ones
  for (const TowerCost& tower : model_cost(model, step_for(model, 1, length_of(inputs) + steps - 1)))
    for (const LayerCost& layer : tower.layers)
      for (const SublayerCost& s : layer.sublayers)
        if (s.part.mixing) values += s.part.mixing->keys * s.part.mixing->kv_heads * (s.part.mixing->d_key + s.part.mixing->d_value);
  return values * byte_size(model.dtype());
}

Result<Forecast> forecast_generation(const Model& model, const std::map<std::string, Tensor>& inputs, int steps) {
  VITRINE_TRY(Forecast f, forecast(model, {.inputs = inputs, .capture_maps = false, .keep_residuals = false}));
  if (can_cache(model, inputs)) {
    const std::int64_t cache = cache_bytes(model, inputs, steps);
    f.activation_bytes += cache;
    f.peak_bytes += cache;
    f.seconds += std::max(0, steps - 1) * step_seconds(model, length_of(inputs) + steps / 2);
  } else {
    f.seconds *= steps;
  }
  return f;
}

}  // namespace vitrine::engine
