#include "engine/mixers/mamba.h"

#include <cmath>

#include "engine/mixers/mixing_map.h"
#include "engine/mixers/scan.h"
#include "engine/nn/basics.h"
#include "engine/tensor/guard.h"
#include "engine/tensor/ops.h"

namespace vitrine::engine {

namespace {

/// Semiseparable map of one selective scan, from its factors.
class ScanMap final : public MixingMap {
 public:
  ScanMap(Tensor v, Tensor delta, Tensor a, Tensor b, Tensor c, Tensor y)
      : v_(std::move(v)), delta_(std::move(delta)), a_(std::move(a)), b_(std::move(b)), c_(std::move(c)), y_(std::move(y)) {}
  int batch() const override { return static_cast<int>(v_.size(0)); }
  int heads() const override { return static_cast<int>(v_.size(2)); }
  std::int64_t rows() const override { return v_.size(1); }
  std::int64_t cols() const override { return v_.size(1); }
  std::string kind() const override { return "semiseparable"; }
  bool stochastic() const override { return false; }

  Result<Tensor> tile(int batch, int channel, std::int64_t r0, std::int64_t r1, std::int64_t c0, std::int64_t c1) const override {
    if (batch < 0 || batch >= this->batch() || channel < 0 || channel >= heads() || r0 < 0 || r1 > rows() || r1 < r0 || c0 < 0 || c1 > cols() || c1 < c0)
      return fail(ErrorCode::Usage, "a tile outside the map: it has " + std::to_string(heads()) + " channels of " + std::to_string(rows()) + " tokens");
    return guard([&] {
      const std::int64_t n = a_.size(1), tokens = rows();
      const auto delta = select(select(delta_, 0, batch), 1, channel).to_floats();
      const auto a = select(a_, 0, channel).to_floats();
      const auto b = select(b_, 0, batch).to_floats(), c = select(c_, 0, batch).to_floats();
      std::vector<double> sum(static_cast<std::size_t>(tokens) + 1, 0.0);
      for (std::int64_t t = 0; t < tokens; ++t) sum[static_cast<std::size_t>(t) + 1] = sum[static_cast<std::size_t>(t)] + delta[static_cast<std::size_t>(t)];
      std::vector<float> out(static_cast<std::size_t>((r1 - r0) * (c1 - c0)), 0.0F);
      for (std::int64_t t = r0; t < r1; ++t)
        for (std::int64_t s = c0; s < std::min(c1, t + 1); ++s) {
          const double span = sum[static_cast<std::size_t>(t) + 1] - sum[static_cast<std::size_t>(s) + 1];
          double m = 0;
          for (std::int64_t i = 0; i < n; ++i)
            m += static_cast<double>(c[static_cast<std::size_t>(t * n + i)]) * std::exp(a[static_cast<std::size_t>(i)] * span) * b[static_cast<std::size_t>(s * n + i)];
          out[static_cast<std::size_t>((t - r0) * (c1 - c0) + s - c0)] = static_cast<float>(m * delta[static_cast<std::size_t>(s)]);
        }
      return Tensor::from_floats(out, {r1 - r0, c1 - c0});
    });
  }
  Tensor values() const override { return unsqueeze(transpose(v_, 1, 2), -1); }
  Tensor output() const override { return unsqueeze(transpose(y_, 1, 2), -1); }

 private:
  Tensor v_, delta_, a_, b_, c_, y_;
};

class Mamba final : public Part {
 public:
  std::string site, mask;
  int d_inner = 0, d_state = 0, d_conv = 0, dt_rank = 0;
  PackedLinear in_proj, x_proj, dt_proj, out_proj;
  Tensor conv, conv_bias, a, d;
  Activation act;
  HookId hook_v = 0, hook_delta = 0, hook_y = 0, hook_z = 0;

  Tensor forward(const Tensor& x, Pass& pass) const override {
    const std::int64_t tokens = x.size(1);
    auto it = pass.shared.find(mask);
    const Tensor keep = it == pass.shared.end() ? Tensor() : to(unsqueeze(it->second, -1), x.dtype());
    // The mask multiplies before the input projection and again after the convolution, as the released code has it.
    const Tensor both = in_proj(keep.defined() ? x * keep : x);
    Tensor v = slice(both, 2, 0, d_inner);
    const Tensor gate = slice(both, 2, d_inner, 2 * d_inner);
    v = conv1d(transpose(v, 1, 2), reshape(conv, {d_inner, 1, d_conv}), conv_bias, 1, d_conv - 1, d_inner);
    v = act(transpose(slice(v, 2, 0, tokens), 1, 2));
    if (keep.defined()) v = v * keep;
    v = pass.hook(hook_v, v);
    const Tensor parameters = x_proj(v);
    const Tensor delta = pass.hook(hook_delta, softplus(dt_proj(slice(parameters, 2, 0, dt_rank))));
    const Tensor b = slice(parameters, 2, dt_rank, dt_rank + d_state), c = slice(parameters, 2, dt_rank + d_state, dt_rank + 2 * d_state);
    const Tensor mixed = pass.differentiable ? selective_scan_differentiable(v, delta, a, b, c) : selective_scan(v, delta, a, b, c);
    if (pass.capture_maps) pass.maps[site] = std::make_shared<ScanMap>(v, delta, a, b, c, mixed);
    const Tensor y = pass.hook(hook_y, mixed + v * d);
    Tensor z = pass.hook(hook_z, y * act(gate));
    if (pass.differentiable) z = z * unsqueeze(pass.head_gate(site, z.size(0), d_inner), 1);
    return out_proj(z);
  }
  PartCost cost(const PartLoad& load) const override {
    const auto rows = static_cast<double>(load.batch * load.tokens), inner = static_cast<double>(d_inner);
    double weights = static_cast<double>(d_inner * d_conv);
    for (const auto* l : {&in_proj, &x_proj, &dt_proj, &out_proj}) weights += static_cast<double>(l->weight().numel());
    PartCost c;
    c.linear_flops = 2 * rows * weights;
    c.mixing = Mixing{.form = Mixing::Form::Scan, .problems = static_cast<double>(load.batch), .heads = d_inner, .queries = load.tokens, .keys = load.tokens, .d_value = d_state};
    c.in = rows * static_cast<double>(in_proj.weight().size(1));
    c.out = rows * static_cast<double>(out_proj.weight().size(0));
    c.between = rows * (4 * inner + dt_rank);   // both halves, the convolved one, the gated output; the step's factors
    c.live = 8 * rows * inner;                  // both halves, convolved, step before and after, mixed, skipped, gated
    c.state = static_cast<double>(load.batch) * inner * (d_state + d_conv - 1);
    return c;
  }
};

Result<std::unique_ptr<Part>> make_mamba(const nlohmann::json& params, BuildContext& context) {
  auto part = std::make_unique<Mamba>();
  part->site = context.path;
  part->mask = context.tower + "mask";
  const int d = context.d_model;
  part->d_inner = param_or(params, "d_inner", 2 * d);
  part->d_state = param_or(params, "d_state", 16);
  part->d_conv = param_or(params, "d_conv", 4);
  part->dt_rank = param_or(params, "dt_rank", (d + 15) / 16);
  const bool bias = param_or(params, "bias", false);
  VITRINE_TRY(part->act, activation(param_or<std::string>(params, "act", "silu")));
  VITRINE_TRY(part->in_proj, context.linear("in_proj", 2 * part->d_inner, d, bias));
  VITRINE_TRY(part->x_proj, context.linear("x_proj", part->dt_rank + 2 * part->d_state, part->d_inner, false));
  VITRINE_TRY(part->dt_proj, context.linear("dt_proj", part->d_inner, part->dt_rank, true));
  VITRINE_TRY(part->out_proj, context.linear("out_proj", d, part->d_inner, bias));
  VITRINE_TRY(part->conv, context.weight("conv.weight", {part->d_inner, part->d_conv}));
  if (param_or(params, "conv_bias", true)) {
    VITRINE_TRY(part->conv_bias, context.weight("conv.bias", {part->d_inner}));
  }
  VITRINE_TRY(Tensor a_log, context.weight("A_log", {part->d_inner, part->d_state}));
  part->a = exp(to(a_log, DType::F32)) * -1.0;
  VITRINE_TRY(part->d, context.weight("D", {part->d_inner}));
  const std::vector<std::string> axes{"batch", "token", "head"};
  part->hook_v = context.add_hook(context.path + ".hook_v", axes);
  part->hook_delta = context.add_hook(context.path + ".hook_delta", axes);
  part->hook_y = context.add_hook(context.path + ".hook_y", axes);
  part->hook_z = context.add_hook(context.path + ".hook_z", axes, true);
  context.mixers->push_back({context.path, "mamba", part->d_inner, part->d_inner, 1, false});
  return part;
}

}  // namespace

Status register_mamba(PartRegistry& registry) { return registry.add("mamba", make_mamba); }

}  // namespace vitrine::engine
