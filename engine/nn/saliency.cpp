#include "engine/nn/saliency.h"

#include "engine/tensor/ops.h"

namespace vitrine::engine {

namespace {

class SaliencyDecoder final : public Part {
 public:
  struct Level { Tensor weight, bias, bn_weight, bn_bias, mean, var; };
  std::vector<Level> levels;
  Tensor last_weight, last_bias;
  std::string tower;
  std::int64_t prefix = 1;
  double eps = 1e-5;

  Tensor forward(const Tensor& x, Pass& pass) const override {
    const auto [rows, cols] = pass.grids.at(tower);
    const Tensor pixels = pass.input("pixel_values");
    Tensor y = slice(x, 1, prefix, x.size(1));
    y = reshape(transpose(y, 1, 2), {x.size(0), x.size(2), rows, cols});
    for (const auto& level : levels) {
      y = conv_transpose2d(y, level.weight, level.bias, {.stride = {2, 2}, .padding = {1, 1}});
      y = relu(batch_norm(y, level.bn_weight, level.bn_bias, level.mean, level.var, eps));
    }
    y = conv2d(y, last_weight, last_bias, {});
    return sigmoid(interpolate(y, pixels.size(2), pixels.size(3), Interpolation::Bilinear));
  }
  PartCost cost(const PartLoad& load) const override {
    auto pixels = static_cast<double>(load.batch * (load.tokens - prefix));
    PartCost c;
    if (!levels.empty()) c.in = pixels * static_cast<double>(levels[0].weight.size(0));
    for (const auto& level : levels) {   // each level has four pixels for one
      c.linear_flops += 2 * pixels * static_cast<double>(level.weight.numel());
      pixels *= 4;
      c.between += pixels * static_cast<double>(level.weight.size(1));
    }
    c.linear_flops += 2 * pixels * static_cast<double>(last_weight.numel());
    c.out = pixels;
    return c;
  }
};

Result<std::unique_ptr<Part>> make(const nlohmann::json& params, BuildContext& context) {
  auto part = std::make_unique<SaliencyDecoder>();
  part->tower = context.tower;
  part->prefix = param_or(params, "prefix", 1);
  part->eps = param_or(params, "eps", 1e-5);
  int width = context.d_model;
  for (int n = 1; context.weights->has(context.path + ".upconv" + std::to_string(n) + ".weight"); ++n) {
    const std::string up = "upconv" + std::to_string(n), bn = "bn" + std::to_string(n);
    SaliencyDecoder::Level level;
    VITRINE_TRY(level.bias, context.weight(up + ".bias", {-1}));
    const int out = static_cast<int>(level.bias.numel());
    VITRINE_TRY(level.weight, context.weight(up + ".weight", {width, out, 4, 4}));
    VITRINE_TRY(level.bn_weight, context.weight(bn + ".weight", {out}));
    VITRINE_TRY(level.bn_bias, context.weight(bn + ".bias", {out}));
    VITRINE_TRY(level.mean, context.weight(bn + ".running_mean", {out}));
    VITRINE_TRY(level.var, context.weight(bn + ".running_var", {out}));
    part->levels.push_back(std::move(level));
    width = out;
  }
  VITRINE_TRY(part->last_weight, context.weight("final_conv.weight", {1, width, 1, 1}));
  VITRINE_TRY(part->last_bias, context.weight("final_conv.bias", {1}));
  return part;
}

}  // namespace

Status register_saliency(PartRegistry& registry) { return registry.add("saliency_decoder", make); }

}  // namespace vitrine::engine
