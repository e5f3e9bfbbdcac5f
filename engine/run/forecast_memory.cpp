#include "engine/run/forecast_memory.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "engine/core/free_memory.h"
#include "engine/model/build.h"
#include "engine/run/model_cost.h"
#include "engine/tensor/in_blocks.h"
#include "engine/tensor/memory_pool.h"

namespace vitrine::engine {

namespace {

/// What is small is not worth asking the system about.
constexpr std::int64_t kSmall = std::int64_t{256} << 20, kSmallEvenWithinALimit = std::int64_t{16} << 20;

/// What libraries take for themselves at their first pass: code that is read, buffers of threads.
constexpr std::int64_t kLibraries = std::int64_t{16} << 20;
/// Of a streamed model: what is read, read ahead and not yet given back, as measured.
constexpr std::int64_t kUsualPages = std::int64_t{96} << 20;
/// What the backward pass needs of a block: the pattern, and about these many rows of its widths, as measured.
constexpr std::int64_t kRowsOfMlp = 5, kRowsOfModel = 14, kCopiesOfLogits = 5;
/// Beyond so many cells a map keeps the output of its layer.
constexpr std::int64_t kCellsOfCheapMaps = std::int64_t{1} << 24;

std::int64_t kept_for_gradients(const TowerInfo& info, const TowerSize& s, std::int64_t widest, std::int64_t heads) {
  return info.layers * s.batch * s.tokens * (heads * s.tokens + kRowsOfMlp * widest + kRowsOfModel * info.d_model);
}

/// Values that a layer has at one time beside what the run keeps of it.
/// @param with_maps queries and keys stay, and count elsewhere
double held_by(const LayerCost& layer, bool with_maps) {
  double values = layer.live;
  if (!with_maps) return values;
  for (const SublayerCost& s : layer.sublayers) {
    if (!s.part.mixing) continue;
    const Mixing& m = *s.part.mixing;
    const double kept = m.form == Mixing::Form::Softmax ? static_cast<double>(m.queries * m.heads * m.d_key + m.keys * m.kv_heads * m.d_key)
                                                        : 2.0 * static_cast<double>(m.queries * m.heads);
    values -= m.problems * kept;
  }
  return values;
}

std::int64_t most_heads(const TowerInfo& info) {
  std::int64_t heads = 0;
  for (const auto& m : info.mixers) heads = std::max<std::int64_t>(heads, m.heads);
  return heads;
}

/// Values that a run keeps of one tower.
std::int64_t kept_values(const TowerInfo& info, const TowerSize& s, const RunRequest& request) {
  std::int64_t kept = 0;
  const bool again = request.keep_residuals;   // values and outputs of maps can then be made again
  for (const auto& m : info.mixers) {
    if (!request.capture_maps) break;
    const std::int64_t q = m.heads * m.d_head, kv = m.kv_heads * m.d_head;
    kept += q + kv + m.heads + (again ? 0 : kv) + (s.tokens * s.tokens > kCellsOfCheapMaps ? q : 0);
  }
  if (request.keep_residuals) kept += info.d_model * (info.layers + 1);
  for (const auto& glob : request.taps)
    if (glob.find("pattern") != std::string::npos || glob.find("scores") != std::string::npos) kept += most_heads(info) * s.tokens * info.layers;
  return kept * s.batch * s.tokens;
}

/// Most rows of all towers.
std::int64_t rows_of(const Model& model, const RunRequest& request) {
  std::int64_t rows = 0;
  for (const TowerSpec& tower : model.spec().towers) {
    const TowerSize s = size_of(tower, request.inputs);
    rows = std::max(rows, s.batch * s.tokens);
  }
  return rows;
}

/// What the blocks of quantised matrices take, in the file's pages or unfolded. Matrices of one tensor share its blocks.
struct InBlocks {
  std::int64_t stored = 0, unfolded = 0;
};

InBlocks in_blocks_of(const Model& model) {
  InBlocks bytes;
  std::set<const void*> matrices, blocks;
  for (const auto& [name, t] : model.parts().weights) {
    const BlockMatrix* const matrix = blocks_of(t);
    if (!matrix || !matrices.insert(matrix).second) continue;
    bytes.unfolded += t.bytes();
    if (blocks.insert(matrix->blocks().data()).second) bytes.stored += static_cast<std::int64_t>(matrix->blocks().size());
  }
  return bytes;
}

/// Pages of streamed weights, and what is made of a part of them for a product.
std::int64_t streaming_bytes(const Model& model, const RunRequest& request) {
  const Model::Parts& parts = model.parts();
  if (!parts.stream) return 0;
  const std::int64_t pages = std::min(parts.stream->bytes(), kUsualPages);
  std::int64_t widest = 0, packed = 0;
  std::set<std::int64_t> sizes;
  for (const PackedLinear& linear : parts.linears) {
    if (!is_streamed(linear.weight())) continue;
    const std::int64_t part = std::min(linear.weight().numel() * byte_size(parts.dtype), WeightStream::kMostPart);
    if (linear.weight().dtype() != parts.dtype) widest = std::max(widest, part);
    if (sizes.insert(part).second) packed += 2 * part;
  }
  if (!packs_parts(rows_of(model, request)) || !packs_for(rows_of(model, request), parts.dtype)) packed = 0;
  return pages + widest + std::min(packed, WeightStream::kMostScratch);
}

/// Whether the pass goes through packed weights.
bool packs(const Model& model, const RunRequest& request) {
  const std::int64_t rows = rows_of(model, request);
  return rows > 0 && !request.differentiable && packs_for(rows, model.dtype());
}

}  // namespace

TokenGrid token_grid(const PartSpec& stem, std::int64_t height, std::int64_t width) {
  const auto patch = param_or(stem.params, "patch", std::vector<std::int64_t>{16, 16});
  if (patch.size() != 2 || patch[0] < 1 || patch[1] < 1) return {};
  const bool padded = param_or(stem.params, "pad_to_patch", false);
  const auto count = [&](std::int64_t pixels, std::int64_t side) { return (pixels + (padded ? side - 1 : 0)) / side; };
  const std::int64_t before = (param_or(stem.params, "cls", true) ? 1 : 0) + (param_or(stem.params, "distillation", false) ? 1 : 0) + param_or<std::int64_t>(stem.params, "registers", 0);
  return {count(height, patch[0]), count(width, patch[1]), before};
}

TowerSize size_of(const TowerSpec& tower, const std::map<std::string, Tensor>& inputs) {
  const std::string ids = param_or<std::string>(tower.stem.params, "ids", "input_ids"), pixels = param_or<std::string>(tower.stem.params, "pixels", "pixel_values");
  if (auto it = inputs.find(ids); tower.stem.part == "token_embedding" && it != inputs.end() && it->second.dim() == 2) return {it->second.size(0), it->second.size(1)};
  if (auto it = inputs.find(pixels); tower.stem.part == "patch_embedding" && it != inputs.end() && it->second.dim() == 4)
    return {it->second.size(0), token_grid(tower.stem, it->second.size(2), it->second.size(3)).tokens()};
  return {0, 0};
}

std::int64_t vocabulary(const Model& model) {
  std::int64_t values = 0;
  for (const auto& head : model.spec().heads)
    for (const auto& step : head.steps)
      if (step.part == "unembed") values += param_or<std::int64_t>(step.params, "vocab", 0);
  return values;
}

std::int64_t forecast_activations(const Model& model, const RunRequest& request) {
  const std::int64_t bytes = byte_size(model.dtype());
  double working = 0;
  std::int64_t kept = 0;
  for (const TowerCost& tower : model_cost(model, load_of(model, request.inputs)))
    for (const LayerCost& layer : tower.layers)
      if (!layer.path.starts_with("head")) working = std::max(working, held_by(layer, request.capture_maps) * static_cast<double>(bytes));
  for (std::size_t t = 0; t < model.spec().towers.size(); ++t) {
    const TowerInfo& info = model.towers()[t];
    const TowerSize s = size_of(model.spec().towers[t], request.inputs);
    if (s.batch == 0) continue;
    kept += kept_values(info, s, request) * bytes;
    std::int64_t widest = 0;
    for (const int width : info.mlp_width) widest = std::max<std::int64_t>(widest, width);
    if (request.differentiable) kept += kept_for_gradients(info, s, widest, most_heads(info)) * bytes;
    kept += s.batch * s.tokens * vocabulary(model) * bytes * (request.differentiable ? kCopiesOfLogits : 1);
  }
  return static_cast<std::int64_t>(working) + kept;
}

Forecast forecast_memory(const Model& model, const RunRequest& request) {
  Forecast f;
  const Model::Parts& parts = model.parts();
  std::set<const void*> seen;
  for (const auto& [name, t] : parts.weights)
    if (!is_streamed(t) && !blocks_of(t) && seen.insert(t.data_id()).second) f.weights_bytes += t.bytes();
  f.weights_bytes += in_blocks_of(model).stored;
  for (const PackedLinear& linear : parts.linears)
    if (linear.packed() || packs(model, request)) f.packed_bytes += linear.packed_bytes();
  if (parts.stream) f.streamed_bytes = parts.stream->bytes();
  f.activation_bytes = forecast_activations(model, request);
  f.peak_bytes = f.weights_bytes + f.packed_bytes + f.activation_bytes + streaming_bytes(model, request) + kLibraries;
  return f;
}

std::int64_t forecast_growth(const Model& model, const RunRequest& request) {
  std::int64_t growth = forecast_activations(model, request);
  for (const PackedLinear& linear : model.parts().linears)
    if (!linear.packed() && packs(model, request)) growth += linear.packed_bytes();
  if (request.differentiable) growth += in_blocks_of(model).unfolded;   // gradients keep what they went through
  if (request.differentiable && model.parts().stream) return growth + model.parts().stream->bytes();
  return growth + streaming_bytes(model, request);
}

/// A machine whose memory ends takes the session with it: better to refuse.
Status refuse_beyond_memory(std::int64_t needed, const std::string& what) {
  if (needed < (memory_limit() > 0 ? kSmallEvenWithinALimit : kSmall)) return {};
  const std::int64_t left = free_memory() + idle_pool_bytes();
  if (needed <= left) return {};
  const auto gigabytes = [](std::int64_t bytes) { return static_cast<double>(bytes) / 1e9; };
  return fail(ErrorCode::DoesNotFit, fmt::format("{} needs about {:.2f} GB of memory, {:.2f} GB are free: {:.2f} GB are missing", what, gigabytes(needed), gigabytes(left),
                                                 gigabytes(needed - left)));
}

Status check_memory(const Model& model, const RunRequest& request) {
  return refuse_beyond_memory(forecast_growth(model, request), request.differentiable ? "a pass over this input with gradients" : "a pass over this input");
}

}  // namespace vitrine::engine
