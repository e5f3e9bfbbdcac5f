#include <algorithm>
#include <chrono>

#include "engine/model/build.h"
#include "engine/run/forecast_memory.h"
#include "engine/run/resolve.h"
#include "engine/run/run.h"
#include "engine/run/sweep.h"
#include "engine/tensor/guard.h"
#include "engine/tensor/linear.h"
#include "engine/tensor/ops.h"

namespace vitrine::engine {

namespace {

/// Multiply-adds per second of a linear layer here, measured once.
double measured_flops_per_second() {
  static const double speed = [] {
    const InferenceScope no_gradients;
    const PackedLinear layer(ones({768, 768}), Tensor());
    const Tensor x = ones({128, 768});
    (void)layer(x);
    double best = 1e9;
    for (int i = 0; i < 3; ++i) {
      const auto start = std::chrono::steady_clock::now();
      (void)layer(x);
      best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    }
    return 2.0 * 128 * 768 * 768 / best;
  }();
  return speed;
}

double block_flops(const BuiltBlock& block, const TowerSize& s) {
  double flops = 0;
  for (const auto& sub : block.sublayers) if (sub.part) flops += sub.part->flops(s.batch, s.tokens);
  return flops;
}

}  // namespace

Result<Forecast> forecast(const Model& model, const RunRequest& request) {
  Forecast f = forecast_memory(model, request);
  for (std::size_t t = 0; t < model.spec().towers.size(); ++t) {
    const TowerSize s = size_of(model.spec().towers[t], request.inputs);
    if (s.batch == 0) continue;
    for (const auto& block : model.parts().built[t].blocks) f.flops += block_flops(block, s);
    f.flops += 2.0 * static_cast<double>(s.batch * s.tokens) * static_cast<double>(vocabulary(model)) * model.towers()[t].d_model;
  }
  f.seconds = f.flops / measured_flops_per_second();
  return f;
}

Result<SweepForecast> forecast_sweep(const Model& model, const SweepRequest& request) {
  VITRINE_TRY(const Forecast whole, forecast(model, {.inputs = request.inputs, .capture_maps = false, .keep_residuals = false}));
  const auto& towers = model.parts().built;
  // Per tower: operations from block b on, for every b.
  std::vector<std::vector<double>> from(towers.size());
  double blocks = 0;
  for (std::size_t t = 0; t < towers.size(); ++t) {
    const TowerSize s = size_of(model.spec().towers[t], request.inputs);
    from[t].assign(towers[t].blocks.size() + 1, 0);
    for (std::size_t b = towers[t].blocks.size(); b-- > 0 && s.batch > 0;) from[t][b] = from[t][b + 1] + block_flops(towers[t].blocks[b], s);
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
