#include "engine/nn/heads.h"

#include "engine/nn/basics.h"
#include "engine/tensor/ops.h"

namespace vitrine::engine {

namespace {

using Step = std::function<Tensor(const Tensor&, Pass&)>;

class StepPart final : public Part {
 public:
  StepPart(Step step, bool pools) : step_(std::move(step)), pools_(pools) {}
  Tensor forward(const Tensor& x, Pass& pass) const override { return step_(x, pass); }
  bool pools() const override { return pools_; }

 private:
  Step step_;
  bool pools_;
};

std::unique_ptr<Part> step(Step f) { return std::make_unique<StepPart>(std::move(f), false); }
std::unique_ptr<Part> pool(Step f) { return std::make_unique<StepPart>(std::move(f), true); }

Tensor masked_mean(const Tensor& x, const Tensor& mask) {
  const Tensor weight = to(unsqueeze(mask, -1), x.dtype());
  return sum(x * weight, {1}) / clamp(sum(weight, {1}), 1e-9, 1e30);
}

Tensor take_eos(const Tensor& x, const Tensor& ids, std::int64_t eos, bool first) {
  const Tensor score = first ? to(equal(ids, static_cast<double>(eos)), DType::I64) : ids;
  const Tensor where_ = argmax(score, 1);   // the first of equal maxima
  const Tensor index = expand(reshape(where_, {x.size(0), 1, 1}), {x.size(0), 1, x.size(2)});
  return squeeze(gather(x, 1, index), 1);
}

Tensor output_named(const Pass& pass, const std::string& name) {
  auto it = pass.outputs.find(name);
  if (it == pass.outputs.end()) throw std::invalid_argument("output '" + name + "' was not computed for this input");
  return it->second;
}

Status register_pools(PartRegistry& registry) {
  VITRINE_CHECK(registry.add("take_token", [](const nlohmann::json& params, BuildContext&) -> Result<std::unique_ptr<Part>> {
    const int index = param_or(params, "index", 0);
    return pool([index](const Tensor& x, Pass&) { return select(x, 1, index); });
  }));
  VITRINE_CHECK(registry.add("mean_tokens", [](const nlohmann::json& params, BuildContext& context) -> Result<std::unique_ptr<Part>> {
    const int from = param_or(params, "from", 0);
    const bool masked = param_or(params, "masked", false);
    return pool([from, masked, key = context.tower + "mask"](const Tensor& x, Pass& pass) {
      auto it = pass.shared.find(key);
      if (masked && it != pass.shared.end()) return masked_mean(x, it->second);
      return mean(slice(x, 1, from, x.size(1)), {1});
    });
  }));
  VITRINE_CHECK(registry.add("cls_and_mean", [](const nlohmann::json& params, BuildContext& context) -> Result<std::unique_ptr<Part>> {
    const int prefix = param_or(params, "prefix", 1);
    context.d_model *= 2;
    return pool([prefix](const Tensor& x, Pass&) { return cat({select(x, 1, 0), mean(slice(x, 1, prefix, x.size(1)), {1})}, -1); });
  }));
  return registry.add("take_eos", [](const nlohmann::json& params, BuildContext&) -> Result<std::unique_ptr<Part>> {
    const auto eos = param_or<std::int64_t>(params, "eos_id", 2);
    const bool first = param_or(params, "first", true);
    return pool([eos, first](const Tensor& x, Pass& pass) { return take_eos(x, pass.input("input_ids"), eos, first); });
  });
}

class Unembed final : public Part {
 public:
  Unembed(PackedLinear linear, double scale) : linear_(std::move(linear)), scale_(scale) {}
  Tensor forward(const Tensor& x, Pass& pass) const override {
    const Tensor in = scale_ == 1 ? x : x * scale_;
    return pass.differentiable ? linear_.differentiable(in) : linear_(in);
  }
  PartCost cost(const PartLoad& load) const override {
    const auto rows = static_cast<double>(load.batch * load.tokens);
    return {.linear_flops = 2 * rows * static_cast<double>(linear_.weight().numel()), .in = rows * static_cast<double>(linear_.weight().size(1)),
            .out = rows * static_cast<double>(linear_.weight().size(0))};
  }

 private:
  PackedLinear linear_;
  double scale_;
};

Result<std::unique_ptr<Part>> make_unembed(const nlohmann::json& params, BuildContext& context) {
  VITRINE_TRY(const int vocab, param<int>(params, "vocab"));
  VITRINE_TRY(Tensor w, context.matrix("weight", {vocab, context.d_model}));
  Tensor b;
  if (param_or(params, "bias", false)) {
    VITRINE_TRY(b, context.weight("bias", {vocab}));
  }
  const double scale = param_or(params, "scale", 1.0);
  context.d_model = vocab;
  return std::make_unique<Unembed>(context.linear(std::move(w), std::move(b)), scale);
}

/// Every image against every text of the batch.
class Contrastive final : public Part {
 public:
  Contrastive(Tensor scale, std::string image, std::string text) : scale_(std::move(scale)), image_(std::move(image)), text_(std::move(text)) {}
  Tensor forward(const Tensor& x, Pass& pass) const override {
    if (!pass.outputs.contains(image_) || !pass.outputs.contains(text_)) return x;
    const Tensor logits = matmul(output_named(pass, image_), transpose(output_named(pass, text_), 0, 1)) * exp(scale_);
    pass.outputs["logits_per_image"] = logits;
    pass.outputs["logits_per_text"] = transpose(logits, 0, 1);
    return logits;
  }
  bool mixes_batch() const override { return true; }

 private:
  Tensor scale_;
  std::string image_, text_;
};

Result<std::unique_ptr<Part>> make_contrastive(const nlohmann::json& params, BuildContext& context) {
  VITRINE_TRY(Tensor scale, context.weight("logit_scale", {}));
  const auto image = param_or<std::string>(params, "image", "image_embeds"), text = param_or<std::string>(params, "text", "text_embeds");
  return std::make_unique<Contrastive>(std::move(scale), image, text);
}

}  // namespace

Status register_head_steps(PartRegistry& registry) {
  VITRINE_CHECK(register_pools(registry));
  VITRINE_CHECK(registry.add("normalise", [](const nlohmann::json& params, BuildContext&) -> Result<std::unique_ptr<Part>> {
    const double eps = param_or(params, "eps", 1e-12);
    return step([eps](const Tensor& x, Pass&) { return x / clamp(norm(x, -1, true), eps, 1e30); });
  }));
  VITRINE_CHECK(registry.add("activation", [](const nlohmann::json& params, BuildContext&) -> Result<std::unique_ptr<Part>> {
    VITRINE_TRY(Activation act, activation(param_or<std::string>(params, "act", "identity")));
    return step([act](const Tensor& x, Pass&) { return act(x); });
  }));
  VITRINE_CHECK(registry.add("scale", [](const nlohmann::json& params, BuildContext&) -> Result<std::unique_ptr<Part>> {
    const double factor = param_or(params, "factor", 1.0);
    return step([factor](const Tensor& x, Pass&) { return x * factor; });
  }));
  VITRINE_CHECK(registry.add("average", [](const nlohmann::json& params, BuildContext&) -> Result<std::unique_ptr<Part>> {
    const auto names = param_or(params, "outputs", std::vector<std::string>());
    return step([names](const Tensor&, Pass& pass) {
      Tensor total;
      for (const auto& name : names) total = total.defined() ? total + output_named(pass, name) : output_named(pass, name);
      return total / static_cast<double>(names.size());
    });
  }));
  VITRINE_CHECK(registry.add("unembed", make_unembed));
  return registry.add("contrastive", make_contrastive);
}

}  // namespace vitrine::engine
