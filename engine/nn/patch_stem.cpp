#include <cmath>
#include <memory>

#include "engine/nn/patch_resize.h"
#include "engine/nn/stems.h"
#include "engine/nn/stems_internal.h"
#include "engine/tensor/ops.h"

namespace vitrine::engine {

namespace {

class PatchEmbedding final : public Part {
 public:
  std::string tower, pixels_name;
  std::int64_t patch_rows = 0, patch_cols = 0, channels = 3, d_model = 0;
  std::int64_t grid_rows = 0, grid_cols = 0;       // of the stored positions
  Tensor conv, conv_bias;
  PackedLinear flat;
  std::unique_ptr<Part> flat_norm_before, flat_norm_after, norm;
  Tensor mask_token;                               // stands for the patches that are hidden
  double mask_ratio = 0;
  Tensor cls, distillation, registers, positions;  // positions [prefix + rows * cols, d]
  bool positions_cover_prefix = true, antialias = false, pad_to_patch = false;
  HookId hook_embed = 0;

  std::int64_t prefix_tokens() const {
    return (cls.defined() ? 1 : 0) + (distillation.defined() ? 1 : 0) + (registers.defined() ? registers.size(0) : 0);
  }

  Tensor patches(Tensor pixels, Pass& pass) const {
    std::int64_t rows = pixels.size(2), cols = pixels.size(3);
    if (pad_to_patch) {
      pixels = pad(pixels, {0, (patch_cols - cols % patch_cols) % patch_cols, 0, (patch_rows - rows % patch_rows) % patch_rows});
      rows = pixels.size(2);
      cols = pixels.size(3);
    }
    const std::int64_t r = rows / patch_rows, c = cols / patch_cols, batch = pixels.size(0);
    if (r < 1 || c < 1) throw std::invalid_argument("an image of " + std::to_string(cols) + " x " + std::to_string(rows) + " is smaller than one patch");
    pass.grids[tower] = {r, c};
    if (conv.defined()) {
      const Tensor x = conv2d(pixels, conv, conv_bias, {.stride = {patch_rows, patch_cols}});
      return transpose(reshape(x, {batch, d_model, r * c}), 1, 2);
    }
    Tensor x = slice(slice(pixels, 2, 0, r * patch_rows), 3, 0, c * patch_cols);
    x = reshape(x, {batch, channels, r, patch_rows, c, patch_cols});
    x = reshape(permute(x, {0, 2, 4, 3, 5, 1}), {batch, r * c, patch_rows * patch_cols * channels});
    return flat_norm_after->forward(flat(flat_norm_before->forward(x, pass)), pass);
  }

  /// Hides patches: those behind the first n (1 - ratio) of the order that `noise` (ascending) or `ids_shuffle` gives.
  /// Without either nothing is hidden. Leaves the output "patch_mask" [batch, patch], 1: hidden.
  Tensor hidden(const Tensor& x, Pass& pass) const {
    Tensor order = pass.input("ids_shuffle");
    if (const Tensor noise = pass.input("noise"); noise.defined()) order = argsort(noise, 1);
    if (!order.defined()) return x;
    if (order.dim() != 2 || order.size(0) != x.size(0) || order.size(1) != x.size(1))
      throw std::invalid_argument("the order of patches must be " + shape_text({x.size(0), x.size(1)}) + ", came " + shape_text(order.shape()));
    const auto kept = static_cast<double>(static_cast<std::int64_t>(static_cast<double>(x.size(1)) * (1 - mask_ratio)));
    const Tensor mask = greater(argsort(order, 1), kept - 0.5);
    pass.outputs[tower + "patch_mask"] = to(mask, DType::F32);
    return where(unsqueeze(mask, -1), expand(reshape(mask_token, {1, 1, d_model}), x.shape()), x);
  }

  /// The stored grid, resized where the image has another one: [1, tokens, d].
  Tensor positions_for(std::int64_t rows, std::int64_t cols) const {
    if (rows == grid_rows && cols == grid_cols) return unsqueeze(positions, 0);
    const std::int64_t before = positions.size(0) - grid_rows * grid_cols;
    Tensor grid = reshape(slice(positions, 0, before, positions.size(0)), {1, grid_rows, grid_cols, d_model});
    grid = interpolate(to(permute(grid, {0, 3, 1, 2}), DType::F32), rows, cols, Interpolation::Bicubic, antialias);
    grid = to(reshape(permute(grid, {0, 2, 3, 1}), {rows * cols, d_model}), positions.dtype());
    return unsqueeze(before > 0 ? cat({slice(positions, 0, 0, before), grid}, 0) : grid, 0);
  }

  PartCost cost(const PartLoad& load) const override {
    const auto rows = static_cast<double>(load.batch * (load.tokens - prefix_tokens())), d = static_cast<double>(d_model);
    const auto patch = static_cast<double>(channels * patch_rows * patch_cols);
    // The pixels, and in turn patches, patches with what stands before them, the same with positions.
    return {.linear_flops = 2 * rows * patch * d, .in = rows * patch, .out = static_cast<double>(load.batch * load.tokens) * d, .live = 2 * rows * d};
  }

  Tensor forward(const Tensor&, Pass& pass) const override {
    Tensor pixels = pass.input(pixels_name);
    if (!pixels.defined()) throw std::invalid_argument("the model needs the input '" + pixels_name + "'");
    if (pixels.dim() != 4 || pixels.size(1) != channels)
      throw std::invalid_argument("'" + pixels_name + "' must be [batch, " + std::to_string(channels) + ", row, col], came " + shape_text(pixels.shape()));
    const Tensor weight = conv.defined() ? conv : flat.weight();
    Tensor x = patches(to(pixels, weight.dtype()), pass);
    const auto [rows, cols] = pass.grids[tower];
    if (mask_token.defined()) x = hidden(x, pass);
    const std::int64_t batch = x.size(0);
    const Tensor where_ = positions.defined() ? positions_for(rows, cols) : Tensor();
    if (where_.defined() && !positions_cover_prefix) x = x + where_;
    std::vector<Tensor> parts;
    if (cls.defined()) parts.push_back(expand(reshape(cls, {1, 1, d_model}), {batch, 1, d_model}));
    if (distillation.defined()) parts.push_back(expand(reshape(distillation, {1, 1, d_model}), {batch, 1, d_model}));
    if (registers.defined() && !(where_.defined() && positions_cover_prefix))
      parts.push_back(expand(unsqueeze(registers, 0), {batch, registers.size(0), d_model}));
    parts.push_back(x);
    if (parts.size() > 1) x = cat(parts, 1);
    if (where_.defined() && positions_cover_prefix) {
      x = x + where_;
      if (registers.defined()) {   // registers carry no position and stand after CLS
        const std::int64_t n = cls.defined() ? 1 : 0;
        x = cat({slice(x, 1, 0, n), expand(unsqueeze(registers, 0), {batch, registers.size(0), d_model}), slice(x, 1, n, x.size(1))}, 1);
      }
    }
    if (norm) x = norm->forward(x, pass);
    return pass.hook(hook_embed, x);
  }
};

Status build_prefix(PatchEmbedding& stem, const nlohmann::json& params, const BuildContext& context) {
  if (param_or(params, "cls", true)) {
    VITRINE_TRY(stem.cls, context.weight("cls", {stem.d_model}));
  }
  if (stem.mask_ratio = param_or(params, "mask_ratio", 0.0); stem.mask_ratio > 0) {
    VITRINE_TRY(stem.mask_token, context.weight("mask_token", {stem.d_model}));
  }
  if (param_or(params, "distillation", false)) {
    VITRINE_TRY(stem.distillation, context.weight("distillation", {stem.d_model}));
  }
  if (const int n = param_or(params, "registers", 0); n > 0) {
    VITRINE_TRY(stem.registers, context.weight("registers", {n, stem.d_model}));
  }
  const nlohmann::json positions = params.value("positions", nlohmann::json::object());
  if (param_or<std::string>(positions, "kind", "none") != "learned") return {};
  stem.positions_cover_prefix = param_or(positions, "prefix", true);
  stem.antialias = param_or(positions, "antialias", false);
  const std::int64_t before = !stem.positions_cover_prefix ? 0 : stem.prefix_tokens() - (stem.registers.defined() ? stem.registers.size(0) : 0);
  if (before > 0 && !context.weights->has(context.path + ".positions") && context.weights->has(context.path + ".positions_patches")) {
    VITRINE_TRY(const Tensor first, context.weight("positions_prefix", {before, stem.d_model}));
    VITRINE_TRY(const Tensor rest, context.weight("positions_patches", {-1, stem.d_model}));
    stem.positions = cat({first, rest}, 0);
  } else {
    VITRINE_TRY(stem.positions, context.weight("positions", {-1, stem.d_model}));
  }
  const std::int64_t cells = stem.positions.size(0) - before;
  if (stem.grid_rows * stem.grid_cols != cells) {
    const auto side = static_cast<std::int64_t>(std::llround(std::sqrt(static_cast<double>(cells))));
    if (side * side != cells)
      return fail(ErrorCode::FileFormat, "the position table has " + std::to_string(cells) + " patch rows, which is no square and not the image's grid");
    stem.grid_rows = stem.grid_cols = side;
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<Part>> build_inner(const nlohmann::json& params, const char* name, BuildContext& context) {
  auto it = params.find(name);
  if (it == params.end() || it->is_null()) return std::unique_ptr<Part>();
  PartSpec spec{it->value("part", std::string()), *it};
  BuildContext here = context.at(name);
  return context.parts->build(spec, here);
}

Result<std::unique_ptr<Part>> make_patch_embedding(const nlohmann::json& params, BuildContext& context) {
  auto stem = std::make_unique<PatchEmbedding>();
  VITRINE_TRY(const auto patch, param<std::vector<int>>(params, "patch"));
  VITRINE_TRY(const auto image, param<std::vector<int>>(params, "image"));
  VITRINE_TRY(const int d_model, param<int>(params, "d_model"));
  const auto stored = param_or(params, "stored_patch", patch);   // of the kernel in the file, and of the grid of its positions
  if (patch.size() != 2 || image.size() != 2 || stored.size() != 2 || patch[0] < 1 || patch[1] < 1 || stored[0] < 1 || stored[1] < 1)
    return fail(ErrorCode::FileFormat, "patch_size and image_size must be one or two positive numbers");
  context.d_model = d_model;
  stem->tower = context.tower;
  stem->pixels_name = param_or<std::string>(params, "pixels", "pixel_values");
  stem->patch_rows = patch[0];
  stem->patch_cols = patch[1];
  stem->channels = param_or(params, "channels", 3);
  stem->d_model = d_model;
  stem->pad_to_patch = param_or(params, "pad_to_patch", false);
  stem->grid_rows = image[0] / stored[0];
  stem->grid_cols = image[1] / stored[1];
  const bool bias = param_or(params, "bias", true);
  if (param_or<std::string>(params, "kind", "conv") == "conv") {
    VITRINE_TRY(const Tensor kernel, context.weight("patch.weight", {d_model, stem->channels, stored[0], stored[1]}));
    stem->conv = resized_patches(kernel, patch[0], patch[1]);
    if (bias) {
      VITRINE_TRY(stem->conv_bias, context.weight("patch.bias", {d_model}));
    }
  } else {
    const int flat = patch[0] * patch[1] * static_cast<int>(stem->channels);
    BuildContext before = context.at("patch_norm");
    VITRINE_TRY(stem->flat_norm_before, context.parts->build({"layer_norm", {{"width", flat}, {"eps", param_or(params, "eps", 1e-5)}}}, before));
    VITRINE_TRY(stem->flat, context.linear("patch", d_model, flat, bias));
    BuildContext after = context.at("patch_norm_after");
    VITRINE_TRY(stem->flat_norm_after, context.parts->build({"layer_norm", {{"eps", param_or(params, "eps", 1e-5)}}}, after));
  }
  VITRINE_CHECK(build_prefix(*stem, params, context));
  VITRINE_TRY(stem->norm, build_inner(params, "norm", context));
  stem->hook_embed = context.add_hook(context.tower + "hook_embed", {"batch", "token", "d_model"}, true);
  return stem;
}

Status register_stems(PartRegistry& registry) {
  VITRINE_CHECK(registry.add("token_embedding", make_token_embedding));
  return registry.add("patch_embedding", make_patch_embedding);
}

}  // namespace vitrine::engine
