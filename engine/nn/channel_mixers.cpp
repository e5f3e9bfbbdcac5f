#include "engine/nn/channel_mixers.h"

#include <array>

#include "engine/nn/basics.h"
#include "engine/tensor/ops.h"

namespace vitrine::engine {

namespace {

class Mlp final : public Part {
 public:
  PackedLinear in, gate, out;
  Activation act;
  Epilogue epilogue = Epilogue::None;   // the same as `act`, where it can be fused
  HookId hook_pre = 0, hook_post = 0;

  Tensor forward(const Tensor& x, Pass& pass) const override {
    if (epilogue != Epilogue::None && !gate.defined() && !pass.wanted(hook_pre)) return out(pass.hook(hook_post, in.then(x, epilogue)));
    if (!gate.defined()) return out(pass.hook(hook_post, act(pass.hook(hook_pre, in(x)))));
    const auto made = PackedLinear::together(std::array{&gate, &in}, x);
    return out(pass.hook(hook_post, act(pass.hook(hook_pre, made[0])) * made[1]));
  }
  PartCost cost(const PartLoad& load) const override {
    const auto rows = static_cast<double>(load.batch * load.tokens), width = static_cast<double>(in.weight().size(0));
    const double products = gate.defined() ? 2 : 1;
    PartCost c;
    c.linear_flops = 2 * rows * (products * static_cast<double>(in.weight().numel()) + static_cast<double>(out.weight().numel()));
    c.in = rows * static_cast<double>(in.weight().size(1));
    c.out = rows * static_cast<double>(out.weight().size(0));
    c.between = rows * width * (gate.defined() ? 3 : 1);
    // Of a gate: two products, one of them activated, and what comes of both.
    c.live = rows * width * (gate.defined() || epilogue == Epilogue::None ? 4 : 1);
    return c;
  }
};

Result<std::unique_ptr<Part>> make_mlp(const nlohmann::json& params, BuildContext& context) {
  VITRINE_TRY(const int width, param<int>(params, "width"));
  auto mlp = std::make_unique<Mlp>();
  const auto act = param_or<std::string>(params, "act", "gelu");
  VITRINE_TRY(mlp->act, activation(act));
  mlp->epilogue = epilogue_of(act);
  const bool bias = param_or(params, "bias", true);
  VITRINE_TRY(mlp->in, context.linear("in", width, context.d_model, param_or(params, "bias_in", bias)));
  if (param_or(params, "gated", false)) {
    VITRINE_TRY(mlp->gate, context.linear("gate", width, context.d_model, bias));
  }
  VITRINE_TRY(mlp->out, context.linear("out", context.d_model, width, param_or(params, "bias_out", bias)));
  mlp->hook_pre = context.add_hook(context.path + ".hook_pre", {"batch", "token", "neuron"}, !mlp->gate.defined());
  mlp->hook_post = context.add_hook(context.path + ".hook_post", {"batch", "token", "neuron"}, true);
  *context.mlp_width = width;
  return mlp;
}

class Ista final : public Part {
 public:
  Tensor dictionary;   // D = W [d, d]; row form: v D - v D^T D is v W^T ... spelled as two linear maps
  double eta = 0.1, lambda = 0.1;
  HookId hook_post = 0;

  Tensor forward(const Tensor& v, Pass& pass) const override {
    const Tensor projected = matmul(v, transpose(dictionary, 0, 1));   // D v in columns
    const Tensor step = matmul(v, dictionary) - matmul(projected, dictionary);
    return pass.hook(hook_post, relu(v + step * eta - eta * lambda));
  }
  PartCost cost(const PartLoad& load) const override {
    const auto rows = static_cast<double>(load.batch * load.tokens), d = static_cast<double>(dictionary.size(0));
    return {.linear_flops = 6 * rows * d * d, .in = rows * d, .out = rows * d, .between = 3 * rows * d, .live = 6 * rows * d};
  }
};

Result<std::unique_ptr<Part>> make_ista(const nlohmann::json& params, BuildContext& context) {
  auto ista = std::make_unique<Ista>();
  VITRINE_TRY(ista->dictionary, context.weight("weight", {context.d_model, context.d_model}));
  ista->eta = param_or(params, "eta", 0.1);
  ista->lambda = param_or(params, "lambda", 0.1);
  ista->hook_post = context.add_hook(context.path + ".hook_post", {"batch", "token", "neuron"}, true);
  *context.mlp_width = context.d_model;
  return ista;
}

}  // namespace

Status register_channel_mixers(PartRegistry& registry) {
  VITRINE_CHECK(registry.add("mlp", make_mlp));
  return registry.add("ista", make_ista);
}

}  // namespace vitrine::engine
