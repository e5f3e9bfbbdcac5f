#include "engine/nn/basics.h"

#include <cmath>

#include "engine/tensor/ops.h"

namespace vitrine::engine {

namespace {
bool is_tanh_gelu(const std::string& name) {
  return name == "gelu_new" || name == "gelu_pytorch_tanh" || name == "gelu_fast" || name == "gelu_tanh";
}
}  // namespace

Epilogue epilogue_of(const std::string& name) {
  return name == "gelu" ? Epilogue::Gelu : is_tanh_gelu(name) ? Epilogue::GeluTanh : name == "relu" ? Epilogue::Relu : Epilogue::None;
}

Result<Activation> activation(const std::string& name) {
  if (name == "gelu") return Activation([](const Tensor& x) { return gelu(x); });
  if (is_tanh_gelu(name)) return Activation([](const Tensor& x) { return gelu(x, true); });
  if (name == "quick_gelu") return Activation([](const Tensor& x) { return x * sigmoid(x * 1.702); });
  if (name == "relu") return Activation([](const Tensor& x) { return relu(x); });
  if (name == "relu2") return Activation([](const Tensor& x) { return square(relu(x)); });
  if (name == "silu" || name == "swish") return Activation([](const Tensor& x) { return silu(x); });
  if (name == "tanh") return Activation([](const Tensor& x) { return tanh(x); });
  if (name == "sigmoid") return Activation([](const Tensor& x) { return sigmoid(x); });
  if (name == "identity" || name == "linear") return Activation([](const Tensor& x) { return x; });
  return fail(ErrorCode::Unsupported, "activation (hidden_act) '" + name + "' is not known");
}

namespace {

class LayerNorm final : public Part {
 public:
  LayerNorm(Tensor weight, Tensor bias, double eps) : weight_(std::move(weight)), bias_(std::move(bias)), eps_(eps) {}
  Tensor forward(const Tensor& x, Pass&) const override { return layer_norm(x, weight_, bias_, eps_); }

 private:
  Tensor weight_, bias_;
  double eps_;
};

class RmsNorm final : public Part {
 public:
  RmsNorm(Tensor weight, double eps, double offset) : weight_(std::move(weight)), eps_(eps), offset_(offset) {}
  Tensor forward(const Tensor& x, Pass&) const override { return rms_norm(x, weight_, eps_, offset_); }

 private:
  Tensor weight_;
  double eps_, offset_;
};

/// Learned factor per channel on a branch (LayerScale, arXiv:2103.17239).
class LayerScale final : public Part {
 public:
  explicit LayerScale(Tensor gamma) : gamma_(std::move(gamma)) {}
  Tensor forward(const Tensor& x, Pass&) const override { return x * gamma_; }

 private:
  Tensor gamma_;
};

class LinearPart final : public Part {
 public:
  explicit LinearPart(PackedLinear linear, Activation act) : linear_(std::move(linear)), act_(std::move(act)) {}
  Tensor forward(const Tensor& x, Pass&) const override { return act_(linear_(x)); }
  PartCost cost(const PartLoad& load) const override {
    const auto rows = static_cast<double>(load.batch * load.tokens);
    return {.linear_flops = 2 * rows * static_cast<double>(linear_.weight().numel()), .in = rows * static_cast<double>(linear_.weight().size(1)),
            .out = rows * static_cast<double>(linear_.weight().size(0))};
  }

 private:
  PackedLinear linear_;
  Activation act_;
};

/// What is left of a branch whose heads are all gone: its bias, or nothing.
class Constant final : public Part {
 public:
  explicit Constant(Tensor bias) : bias_(std::move(bias)) {}
  Tensor forward(const Tensor& x, Pass&) const override {
    return bias_.defined() ? expand(reshape(bias_, {1, 1, x.size(-1)}), x.shape()) : x * 0.0;
  }

 private:
  Tensor bias_;
};

Result<std::unique_ptr<Part>> make_constant(const nlohmann::json& params, BuildContext& context) {
  Tensor bias;
  if (param_or(params, "bias", false)) {
    VITRINE_TRY(bias, context.weight("bias", {context.d_model}));
  }
  return std::make_unique<Constant>(std::move(bias));
}

Result<std::unique_ptr<Part>> make_layer_norm(const nlohmann::json& params, BuildContext& context) {
  const int width = param_or(params, "width", context.d_model);
  Tensor weight, bias;
  if (param_or(params, "affine", true)) {
    VITRINE_TRY(weight, context.weight("weight", {width}));
    if (param_or(params, "bias", true)) {
      VITRINE_TRY(bias, context.weight("bias", {width}));
    }
  }
  return std::make_unique<LayerNorm>(weight, bias, param_or(params, "eps", 1e-5));
}

Result<std::unique_ptr<Part>> make_rms_norm(const nlohmann::json& params, BuildContext& context) {
  VITRINE_TRY(Tensor weight, context.weight("weight", {param_or(params, "width", context.d_model)}));
  return std::make_unique<RmsNorm>(std::move(weight), param_or(params, "eps", 1e-6), param_or(params, "weight_offset", 0.0));
}

Result<std::unique_ptr<Part>> make_layer_scale(const nlohmann::json& params, BuildContext& context) {
  VITRINE_TRY(Tensor gamma, context.weight("gamma", {context.d_model}));
  return std::make_unique<LayerScale>(std::move(gamma));
}

Result<std::unique_ptr<Part>> make_linear(const nlohmann::json& params, BuildContext& context) {
  VITRINE_TRY(const int out, param<int>(params, "out"));
  VITRINE_TRY(Activation act, activation(param_or<std::string>(params, "act", "identity")));
  BuildContext here = context;
  VITRINE_TRY(Tensor w, here.matrix("weight", {out, param_or(params, "in", context.d_model)}));
  Tensor b;
  if (param_or(params, "bias", true)) {
    VITRINE_TRY(b, here.weight("bias", {out}));
  }
  context.d_model = out;
  return std::make_unique<LinearPart>(context.linear(std::move(w), std::move(b)), std::move(act));
}

}  // namespace

Status register_basics(PartRegistry& registry) {
  VITRINE_CHECK(registry.add("layer_norm", make_layer_norm));
  VITRINE_CHECK(registry.add("rms_norm", make_rms_norm));
  VITRINE_CHECK(registry.add("layer_scale", make_layer_scale));
  VITRINE_CHECK(registry.add("constant", make_constant));
  return registry.add("linear", make_linear);
}

}  // namespace vitrine::engine
