#include "engine/run/plain_tower.h"

#include <algorithm>
#include <set>

#include "engine/model/build.h"

namespace vitrine::engine {

namespace {

bool is_norm(const PartSpec& part) { return !part || part.part == "layer_norm" || part.part == "rms_norm"; }

bool is_plain_attention(const PartSpec& part, bool codebooks) {
  const auto has = [&](const char* name) { return part.params.contains(name) && part.params[name].is_object(); };
  return part.part == "attention" && !has("relative_bias") && (codebooks || !has("codebook")) && param_or(part.params, "out", true) && !param_or(part.params, "shared_qkv", false);
}

bool is_plain(const BlockSpec& block, bool codebooks) {
  int mixers = 0;
  for (const SublayerSpec& s : block.sublayers) {
    if (is_plain_attention(s.part, codebooks)) ++mixers;
    else if (!is_tokenwise(s.part)) return false;
    if (!is_norm(s.norm) || !is_norm(s.norm_after)) return false;
    if (!std::all_of(s.post.begin(), s.post.end(), is_tokenwise)) return false;
  }
  return mixers == 1;
}

}  // namespace

bool is_tokenwise(const PartSpec& part) {
  static const std::set<std::string> known{"mlp", "ista", "linear", "layer_scale", "codebook", "unembed", "activation", "scale", "normalise"};
  return is_norm(part) || known.contains(part.part);
}

bool is_plain_tower(const Model& model, bool codebooks) {
  if (model.parts().built.size() != 1 || !model.cannot_run().empty()) return false;
  const BuiltTower& tower = model.parts().built[0];
  const TowerSpec& spec = model.spec().towers[0];
  if (!tower.memory.empty() || !tower.merges.empty() || tower.blocks.empty() || !is_norm(spec.final_norm)) return false;
  return std::all_of(spec.stages.begin(), spec.stages.end(), [&](const StageSpec& stage) {
    return !stage.downsample && std::all_of(stage.blocks.begin(), stage.blocks.end(), [&](const BlockSpec& block) { return is_plain(block, codebooks); });
  });
}

bool row_by_row(const Edit& edit) {
  return edit.op != EditOp::Resample && edit.op != EditOp::Drop && (edit.op != EditOp::Mean || !edit.value.empty());
}

}  // namespace vitrine::engine
