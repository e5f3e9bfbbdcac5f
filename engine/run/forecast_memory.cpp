#include "engine/run/forecast_memory.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "engine/core/free_memory.h"
#include "engine/model/build.h"
#include "engine/nn/basics.h"
#include "engine/tensor/in_blocks.h"
#include "engine/tensor/memory_pool.h"

namespace vitrine::engine {

namespace {

/// What is small is not worth asking the system about.
constexpr std::int64_t kSmall = std::int64_t{256} << 20, kSmallEvenWithinALimit = std::int64_t{16} << 20;

/// What libraries take for themselves at their first pass: code that is read, buffers of threads.
constexpr std::int64_t kLibraries = std::int64_t{24} << 20;
/// Of a streamed model: what is read, read ahead and not yet given back, as measured.
constexpr std::int64_t kUsualPages = std::int64_t{96} << 20;
/// What the backward pass needs of a block: the pattern, and about these many rows of its widths, as measured.
constexpr std::int64_t kRowsOfMlp = 5, kRowsOfModel = 14, kCopiesOfLogits = 5;
/// Beyond so many cells a map keeps the output of its layer.
constexpr std::int64_t kCellsOfCheapMaps = std::int64_t{1} << 24;

std::int64_t kept_for_gradients(const TowerInfo& info, const TowerSize& s, std::int64_t widest, std::int64_t heads) {
  return info.layers * s.batch * s.tokens * (heads * s.tokens + kRowsOfMlp * widest + kRowsOfModel * info.d_model);
}

/// Values for each token, at their widest over a tower's layers, that a layer has at one time. The memory pool gives a tensor only
/// to one of about its size, so what attention and the channel mixer need adds up.
struct Widths {
  std::int64_t attention = 0, mlp = 0, heads = 0;
};

std::int64_t mlp_width(const nlohmann::json& params) {
  const auto width = param_or<std::int64_t>(params, "width", 0);
  if (param_or(params, "gated", false)) return 4 * width;   // two products, one of them activated, and what comes of both
  return epilogue_of(param_or<std::string>(params, "act", "gelu")) == Epilogue::None ? 4 * width : width;
}

/// @param with_maps queries and keys stay, and count elsewhere
Widths widths_of(const TowerSpec& tower, const TowerInfo& info, bool with_maps) {
  Widths w;
  bool rotated = false;
  for (const auto& stage : tower.stages)
    for (const auto& block : stage.blocks)
      for (const auto& s : block.sublayers) {
        if (s.part.part == "mlp") w.mlp = std::max(w.mlp, mlp_width(s.part.params));
        rotated = rotated || (s.part.params.contains("rope") && s.part.params["rope"].is_object());
      }
  if (w.mlp == 0)
    for (const int width : info.mlp_width) w.mlp = std::max<std::int64_t>(w.mlp, 3 * width);
  for (const auto& m : info.mixers) {
    const std::int64_t q = m.heads * m.d_head, kv = m.kv_heads * m.d_head;
    const std::int64_t scores = with_maps ? 0 : q + kv;
    w.attention = std::max(w.attention, q + kv + scores + (rotated ? 2 * q + kv : 0));
    w.heads = std::max<std::int64_t>(w.heads, m.heads);
  }
  w.attention += 3 * info.d_model;   // the stream, what it is normed to, and what comes out
  return w;
}

/// Values that a run keeps of one tower.
std::int64_t kept_values(const TowerInfo& info, const TowerSize& s, const RunRequest& request, const Widths& w) {
  std::int64_t kept = 0;
  const bool again = request.keep_residuals;   // values and outputs of maps can then be made again
  for (const auto& m : info.mixers) {
    if (!request.capture_maps) break;
    const std::int64_t q = m.heads * m.d_head, kv = m.kv_heads * m.d_head;
    kept += q + kv + m.heads + (again ? 0 : kv) + (s.tokens * s.tokens > kCellsOfCheapMaps ? q : 0);
  }
  if (request.keep_residuals) kept += info.d_model * (info.layers + 1);
  for (const auto& glob : request.taps)
    if (glob.find("pattern") != std::string::npos || glob.find("scores") != std::string::npos) kept += w.heads * s.tokens * info.layers;
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

TowerSize size_of(const TowerSpec& tower, const std::map<std::string, Tensor>& inputs) {
  const std::string ids = param_or<std::string>(tower.stem.params, "ids", "input_ids"), pixels = param_or<std::string>(tower.stem.params, "pixels", "pixel_values");
  if (auto it = inputs.find(ids); tower.stem.part == "token_embedding" && it != inputs.end() && it->second.dim() == 2) return {it->second.size(0), it->second.size(1)};
  if (auto it = inputs.find(pixels); tower.stem.part == "patch_embedding" && it != inputs.end() && it->second.dim() == 4) {
    const auto patch = param_or(tower.stem.params, "patch", std::vector<std::int64_t>{16, 16});
    return {it->second.size(0), it->second.size(2) / patch[0] * (it->second.size(3) / patch[1]) + 1};
  }
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
  std::int64_t working = 0, kept = 0;
  for (std::size_t t = 0; t < model.spec().towers.size(); ++t) {
    const TowerInfo& info = model.towers()[t];
    const TowerSize s = size_of(model.spec().towers[t], request.inputs);
    if (s.batch == 0) continue;
    const Widths w = widths_of(model.spec().towers[t], info, request.capture_maps);
    working = std::max(working, s.batch * s.tokens * (w.attention + w.mlp) * bytes);
    kept += kept_values(info, s, request, w) * bytes;
    std::int64_t widest = 0;
    for (const int width : info.mlp_width) widest = std::max<std::int64_t>(widest, width);
    if (request.differentiable) kept += kept_for_gradients(info, s, widest, w.heads) * bytes;
    kept += s.batch * s.tokens * vocabulary(model) * bytes * (request.differentiable ? kCopiesOfLogits : 1);
  }
  return working + kept;
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
Status check_memory(const Model& model, const RunRequest& request) {
  const std::int64_t needed = forecast_growth(model, request);
  if (needed < (memory_limit() > 0 ? kSmallEvenWithinALimit : kSmall)) return {};
  const std::int64_t left = free_memory() + idle_pool_bytes();
  if (needed <= left) return {};
  const auto gigabytes = [](std::int64_t bytes) { return static_cast<double>(bytes) / 1e9; };
  return fail(ErrorCode::DoesNotFit, fmt::format("a pass over this input{} needs about {:.2f} GB of memory, {:.2f} GB are free: {:.2f} GB are missing",
                                                 request.differentiable ? " with gradients" : "", gigabytes(needed), gigabytes(left), gigabytes(needed - left)));
}

}  // namespace vitrine::engine
