#include <algorithm>

#include "engine/model/build.h"
#include "engine/run/machine_speed.h"
#include "engine/run/model_cost.h"
#include "engine/run/resolve.h"
#include "engine/run/run.h"
#include "engine/run/sweep.h"

namespace vitrine::engine {

namespace {

double flops_of(const std::vector<TowerCost>& towers, const std::string& block) {
  for (const TowerCost& tower : towers)
    for (const LayerCost& layer : tower.layers)
      if (layer.path == block) return layer.flops();
  return 0;
}

}  // namespace

Result<Forecast> forecast(const Model& model, const RunRequest& request) {
  Forecast f = forecast_memory(model, request);
  for (const TowerCost& tower : model_cost(model, load_of(model, request.inputs))) f.flops += tower.flops();
  f.seconds = f.flops / linear_flops_per_second(model.dtype());
  return f;
}

Result<SweepForecast> forecast_sweep(const Model& model, const SweepRequest& request) {
  VITRINE_TRY(const Forecast whole, forecast(model, {.inputs = request.inputs, .capture_maps = false, .keep_residuals = false}));
  const auto& towers = model.parts().built;
  const auto costs = model_cost(model, load_of(model, request.inputs));
  // Per tower: operations from block b on, for every b.
  std::vector<std::vector<double>> from(towers.size());
  double blocks = 0;
  for (std::size_t t = 0; t < towers.size(); ++t) {
    from[t].assign(towers[t].blocks.size() + 1, 0);
    for (std::size_t b = towers[t].blocks.size(); b-- > 0;) from[t][b] = from[t][b + 1] + flops_of(costs, towers[t].blocks[b].path);
    blocks += from[t][0];
  }
  SweepForecast f{.bytes_per_variant = whole.activation_bytes};
  for (const EditList& variant : request.variants) {
    VITRINE_TRY(const ResolvedEdits edits, resolve_edits(model, variant));
    const auto first = first_touched(model, edits);
    f.flops += whole.flops - blocks;
    for (std::size_t t = 0; t < towers.size(); ++t) f.flops += from[t][static_cast<std::size_t>(std::max(0, first[t]))];
  }
  f.passes = f.flops / std::max(1.0, whole.flops);
  return f;
}

}  // namespace vitrine::engine
