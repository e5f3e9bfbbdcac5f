#include <algorithm>
#include <chrono>

#include "engine/model/build.h"
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

struct Size { std::int64_t batch = 1, tokens = 1; };

Size size_of(const TowerSpec& tower, const std::map<std::string, Tensor>& inputs) {
  const std::string ids = param_or<std::string>(tower.stem.params, "ids", "input_ids"), pixels = param_or<std::string>(tower.stem.params, "pixels", "pixel_values");
  if (auto it = inputs.find(ids); tower.stem.part == "token_embedding" && it != inputs.end() && it->second.dim() == 2) return {it->second.size(0), it->second.size(1)};
  if (auto it = inputs.find(pixels); tower.stem.part == "patch_embedding" && it != inputs.end() && it->second.dim() == 4) {
    const auto patch = param_or(tower.stem.params, "patch", std::vector<std::int64_t>{16, 16});
    return {it->second.size(0), it->second.size(2) / patch[0] * (it->second.size(3) / patch[1]) + 1};
  }
  return {0, 0};
}

double block_flops(const BuiltBlock& block, const Size& s) {
  double flops = 0;
  for (const auto& sub : block.sublayers) if (sub.part) flops += sub.part->flops(s.batch, s.tokens);
  return flops;
}

}  // namespace

namespace {

/// What the backward pass needs of a block: the pattern, and about these many rows of its widths, as measured.
constexpr std::int64_t kRowsOfMlp = 5, kRowsOfModel = 14, kCopiesOfLogits = 5;

std::int64_t kept_for_gradients(const TowerInfo& info, const Size& s, std::int64_t widest, std::int64_t heads) {
  return info.layers * s.batch * s.tokens * (heads * s.tokens + kRowsOfMlp * widest + kRowsOfModel * info.d_model);
}

std::int64_t vocabulary(const Model& model) {
  std::int64_t values = 0;
  for (const auto& head : model.spec().heads)
    for (const auto& step : head.steps)
      if (step.part == "unembed") values += param_or<std::int64_t>(step.params, "vocab", 0);
  return values;
}

}  // namespace

std::int64_t forecast_activations(const Model& model, const RunRequest& request) {
  const std::int64_t bytes = byte_size(model.dtype());
  std::int64_t working = 0, kept = 0;
  for (std::size_t t = 0; t < model.spec().towers.size(); ++t) {
    const TowerInfo& info = model.towers()[t];
    const Size s = size_of(model.spec().towers[t], request.inputs);
    if (s.batch == 0) continue;
    std::int64_t widest = 0, heads = 0, head_width = 0;
    for (const int w : info.mlp_width) widest = std::max<std::int64_t>(widest, w);
    for (const auto& m : info.mixers) {
      heads = std::max<std::int64_t>(heads, m.heads);
      head_width = std::max<std::int64_t>(head_width, m.heads * m.d_head + 2 * m.kv_heads * m.d_head);
      if (request.capture_maps) kept += s.batch * s.tokens * (2 * m.heads * m.d_head + 2 * m.kv_heads * m.d_head + m.heads) * bytes;
    }
    if (request.keep_residuals) kept += s.batch * s.tokens * info.d_model * (info.layers + 1) * bytes;
    working = std::max(working, s.batch * s.tokens * std::max(3 * widest, head_width + 2 * info.d_model) * bytes);
    for (const auto& glob : request.taps)
      if (glob.find("pattern") != std::string::npos || glob.find("scores") != std::string::npos) kept += s.batch * heads * s.tokens * s.tokens * bytes * info.layers;
    if (request.differentiable) kept += kept_for_gradients(info, s, widest, heads) * bytes;
    kept += s.batch * s.tokens * vocabulary(model) * bytes * (request.differentiable ? kCopiesOfLogits : 1);
  }
  return working + kept;
}

Result<Forecast> forecast(const Model& model, const RunRequest& request) {
  Forecast f;
  f.weights_bytes = model.parameter_count() * byte_size(model.dtype());
  for (std::size_t t = 0; t < model.spec().towers.size(); ++t) {
    const Size s = size_of(model.spec().towers[t], request.inputs);
    if (s.batch == 0) continue;
    for (const auto& block : model.parts().built[t].blocks) f.flops += block_flops(block, s);
    f.flops += 2.0 * static_cast<double>(s.batch * s.tokens) * static_cast<double>(vocabulary(model)) * model.towers()[t].d_model;
  }
  f.activation_bytes = forecast_activations(model, request);
  // Linear layers keep a second copy of their weights, packed for the quick path.
  f.peak_bytes = 2 * f.weights_bytes + f.activation_bytes;
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
    const Size s = size_of(model.spec().towers[t], request.inputs);
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
