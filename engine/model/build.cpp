#include "engine/model/build.h"

#include "engine/mixers/attention.h"
#include "engine/mixers/mamba.h"
#include "engine/nn/basics.h"
#include "engine/nn/channel_mixers.h"
#include "engine/nn/codebook.h"
#include "engine/nn/heads.h"
#include "engine/nn/reconstruction.h"
#include "engine/nn/saliency.h"
#include "engine/nn/stems.h"

namespace vitrine::engine {

Result<PartRegistry> builtin_parts() {
  PartRegistry registry;
  for (auto add : {register_basics, register_channel_mixers, register_codebook, register_stems, register_head_steps, register_attention, register_mamba, register_saliency, register_reconstruction})
    VITRINE_CHECK(add(registry));
  return registry;
}

namespace {

/// Remembers what was handed out, so that a model can be cut and written later.
class Recorder final : public WeightSource {
 public:
  Recorder(WeightSource& inner, std::map<std::string, Tensor>& seen) : inner_(inner), seen_(seen) {}
  bool has(const std::string& name) const override { return inner_.has(name); }
  Result<Tensor> get(const std::string& name, const Shape& shape) override {
    VITRINE_TRY(Tensor t, inner_.get(name, shape));
    seen_[name] = t;
    return t;
  }
  Result<Tensor> get_matrix(const std::string& name, const Shape& shape) override {
    VITRINE_TRY(Tensor t, inner_.get_matrix(name, shape));
    seen_[name] = t;
    return t;
  }

 private:
  WeightSource& inner_;
  std::map<std::string, Tensor>& seen_;
};

class Builder {
 public:
  Builder(const ModelSpec& spec, WeightSource& weights, Model::Parts& parts, const PartRegistry& registry)
      : spec_(spec), parts_(parts) {
    context_.weights = &weights;
    context_.parts = &registry;
    context_.hooks = &parts.hooks;
    context_.mixers = &mixers_;
    context_.codebooks = &codebooks_;
    context_.mlp_width = &mlp_width_;
    context_.dtype = parts.dtype;
    context_.packs = parts.packs;
    context_.linears = &parts.linears;
  }

  Status run() {
    for (const auto& tower : spec_.towers) VITRINE_CHECK(add_tower(tower));
    for (const auto& head : spec_.heads) VITRINE_CHECK(add_head(head));
    return {};
  }

 private:
  BuildContext at(const std::string& path) const {
    BuildContext c = context_;
    c.path = path;
    return c;
  }

  /// Builds a part at a path and keeps the width that it leaves.
  Result<std::unique_ptr<Part>> part(const PartSpec& spec, const std::string& path) {
    BuildContext c = at(path);
    VITRINE_TRY(auto built, c.parts->build(spec, c));
    context_.d_model = c.d_model;
    return built;
  }

  Result<BuiltSublayer> sublayer(const SublayerSpec& spec, const std::string& block, std::size_t index, std::size_t count) {
    BuiltSublayer s;
    s.name = spec.name;
    s.residual = spec.residual;
    s.parallel = spec.parallel;
    s.residual_scale = spec.residual_scale;
    const std::string path = block + "." + spec.name;
    VITRINE_TRY(s.norm, part(spec.norm, path + "_norm"));
    s.hook_in = context_.add_hook(block + ".hook_" + spec.name + "_in", {"batch", "token", "d_model"}, true);
    VITRINE_TRY(s.part, part(spec.part, path));
    for (const auto& post : spec.post) {
      const std::string name = post.part == "codebook" ? path : path + "_" + param_or<std::string>(post.params, "name", post.part);
      VITRINE_TRY(auto built, part(post, name));
      s.post.push_back(std::move(built));
    }
    s.hook_out = context_.add_hook(block + ".hook_" + spec.name + "_out", {"batch", "token", "d_model"}, true);
    VITRINE_TRY(s.norm_after, part(spec.norm_after, path + "_norm_after"));
    if (index + 1 < count)
      s.hook_mid = context_.add_hook(block + (index == 0 ? ".hook_resid_mid" : ".hook_resid_mid" + std::to_string(index + 1)), {"batch", "token", "d_model"}, true);
    return s;
  }

  Status add_block(const BlockSpec& spec, const std::string& path, BuiltTower& tower, TowerInfo& info) {
    BuiltBlock block;
    block.path = path;
    mlp_width_ = 0;
    mixers_.clear();
    codebooks_.clear();
    block.hook_resid_pre = context_.add_hook(path + ".hook_resid_pre", {"batch", "token", "d_model"}, true);
    for (std::size_t i = 0; i < spec.sublayers.size(); ++i) {
      VITRINE_TRY(BuiltSublayer s, sublayer(spec.sublayers[i], path, i, spec.sublayers.size()));
      block.sublayers.push_back(std::move(s));
    }
    block.hook_resid_post = context_.add_hook(path + ".hook_resid_post", {"batch", "token", "d_model"}, true);
    for (const auto& m : mixers_)
      (m.cross ? info.cross : info.mixers).push_back({path, m.site, m.kind, info.layers, m.heads, m.d_head, m.kv_heads});
    for (std::size_t n = 0; n < codebooks_.size(); ++n)
      parts_.codebooks.push_back({codebooks_[n].site, info.layers, codebooks_[n].head, codebooks_[n].codes, codebooks_[n].k, static_cast<int>(n)});
    info.mlp_width.push_back(mlp_width_);
    ++info.layers;
    tower.blocks.push_back(std::move(block));
    return {};
  }

  Status add_tower(const TowerSpec& spec) {
    BuiltTower tower;
    TowerInfo info;
    tower.prefix = info.prefix = spec.prefix;
    tower.memory = spec.memory;
    context_.tower = spec.prefix;
    context_.memory = spec.memory;
    context_.d_model = 0;
    VITRINE_TRY(tower.stem, part(spec.stem, spec.prefix + "embed"));
    if (!tower.stem) return fail(ErrorCode::FileFormat, "the tower '" + spec.prefix + "' has no stem");
    const bool staged = spec.staged || spec.stages.size() > 1;
    for (std::size_t s = 0; s < spec.stages.size(); ++s) {
      const std::string stage = staged ? spec.prefix + "stages." + std::to_string(s) + "." : spec.prefix;
      for (std::size_t b = 0; b < spec.stages[s].blocks.size(); ++b)
        VITRINE_CHECK(add_block(spec.stages[s].blocks[b], stage + "blocks." + std::to_string(b), tower, info));
      if (!staged) continue;
      BuiltMerge merge;
      merge.before_block = static_cast<int>(tower.blocks.size());
      VITRINE_TRY(merge.part, part(spec.stages[s].downsample, stage + "downsample"));
      merge.hook_first = param_or(spec.stages[s].downsample.params, "hook_first", false);
      merge.hook_out = context_.add_hook(stage + "hook_out", {"batch", "token", "d_model"}, true);
      tower.merges.push_back(std::move(merge));
    }
    VITRINE_TRY(tower.final_norm, part(spec.final_norm, spec.prefix + "final_norm"));
    tower.hook_final = context_.add_hook(spec.prefix + "hook_final", {"batch", "token", "d_model"}, true);
    info.d_model = widths_[spec.prefix] = context_.d_model;
    parts_.towers.push_back(std::move(info));
    parts_.built.push_back(std::move(tower));
    return {};
  }

  Status add_head(const HeadSpec& spec) {
    BuiltHead head{spec.tower, spec.from, spec.output, {}};
    context_.tower = spec.tower;
    context_.d_model = spec.from.empty() ? widths_[spec.tower] : widths_["=" + spec.from];
    for (const auto& step : spec.steps) {
      VITRINE_TRY(auto built, part(step, param_or<std::string>(step.params, "name", step.part)));
      if (!built) return fail(ErrorCode::FileFormat, "an empty step in the head '" + spec.output + "'");
      head.steps.push_back(std::move(built));
    }
    if (!spec.output.empty()) widths_["=" + spec.output] = context_.d_model;
    parts_.heads.push_back(std::move(head));
    return {};
  }

  const ModelSpec& spec_;
  Model::Parts& parts_;
  BuildContext context_;
  std::vector<MixerFacts> mixers_;
  std::vector<CodebookFacts> codebooks_;
  int mlp_width_ = 0;
  std::map<std::string, int> widths_;
};

}  // namespace

Status build_model(const ModelSpec& spec, WeightSource& weights, Model::Parts& parts) {
  VITRINE_TRY(const PartRegistry registry, builtin_parts());
  parts.spec = spec;
  Recorder recorder(weights, parts.weights);
  return Builder(spec, recorder, parts, registry).run();
}

}  // namespace vitrine::engine
