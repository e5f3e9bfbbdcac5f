#include "engine/run/pass.h"

#include "engine/run/apply_edit.h"
#include "engine/tensor/ops.h"

namespace vitrine::engine {

namespace {

const EditList& edits_at(const ResolvedEdits& edits, HookId id) {
  static const EditList none;
  const auto it = edits.by_hook.find(id);
  return it == edits.by_hook.end() ? none : it->second;
}

/// For parts that run again after their pass: nobody looks on.
class QuietPass final : public Pass {
 public:
  bool wanted(HookId) const override { return false; }
  bool edited(HookId) const override { return false; }
  Tensor hook(HookId, const Tensor& x) override { return x; }
  Tensor head_gate(const std::string&, std::int64_t batch, std::int64_t heads) override { return ones({batch, heads}); }
};

Tensor times(const Tensor& x, std::int64_t copies) {
  std::vector<std::int64_t> counts(static_cast<std::size_t>(x.dim()), 1);
  counts[0] = copies;
  return repeat(x, counts);
}

}  // namespace

RunPass::RunPass(const Model& model, const ResolvedEdits& edits, const std::vector<int>& taps, Run& run,
                 const std::vector<const ResolvedEdits*>& variants)
    : model_(model), edits_(edits), tapped_(model.hooks().size(), 0), run_(run), variants_(variants) {
  for (int id : taps) tapped_[static_cast<std::size_t>(id)] = 1;
  for (const ResolvedEdits* variant : variants_)
    for (const auto& [id, list] : variant->by_hook) varied_.insert(id);
}

bool RunPass::wanted(HookId id) const { return tapped(id) || edited(id); }
bool RunPass::edited(HookId id) const { return edits_.by_hook.contains(id) || varied(id); }

Tensor RunPass::hook(HookId id, const Tensor& x) {
  const HookInfo& info = model_.hooks()[static_cast<std::size_t>(id)];
  Tensor y = x;
  if (stacked_ || varied(id)) y = vary(id, x);
  else for (const Edit& edit : edits_at(edits_, id)) y = apply_edit(y, info.axes, edit);
  if (tapped(id)) run_.taps[info.name] = y;
  return y;
}

Tensor RunPass::vary(HookId id, const Tensor& x) {
  const EditList& shared = edits_at(edits_, id);
  if (stacked_ && shared.empty() && !varied(id)) return x;
  const auto& axes = model_.hooks()[static_cast<std::size_t>(id)].axes;
  const auto changed = [&](Tensor y, const EditList& list) {
    for (const Edit& edit : list) y = apply_edit(y, axes, edit);
    return y;
  };
  if (rows_ == 0 && !stacked_) rows_ = x.size(0);
  const Tensor once = stacked_ ? x : changed(x, shared);
  std::vector<Tensor> parts;
  for (std::int64_t v = 0; v < variants(); ++v) {
    const Tensor part = stacked_ ? changed(rows_of(x, v), shared) : once;
    parts.push_back(changed(part, edits_at(*variants_[static_cast<std::size_t>(v)], id)));
  }
  if (!stacked_) stack_surroundings();
  return cat(parts, 0);
}

/// Masks and the like that stems left, and the inputs that later parts read. Images are read by stems alone.
void RunPass::stack_surroundings() {
  stacked_ = true;
  stacked_towers_.insert(tower_);
  if (!memory_.empty()) stacked_towers_.insert(memory_);
  for (auto& [key, x] : shared)
    if (key.starts_with(tower_) || (!memory_.empty() && key.starts_with(memory_))) x = aligned(x);
  for (auto& [name, x] : inputs)
    if (x.dim() < 4) x = aligned(x);
}

void RunPass::begin_tower(const BuiltTower& tower) {
  if (variants_.empty()) return;
  if (plain_inputs_.empty()) plain_inputs_ = inputs;
  inputs = plain_inputs_;
  tower_ = tower.prefix;
  memory_ = tower.memory;
  rows_ = 0;
  stacked_ = !memory_.empty() && stacked(memory_);
  if (!stacked_) return;
  stacked_towers_.insert(tower_);
  for (auto& [name, x] : inputs) x = times(x, variants());
}

Tensor RunPass::begin_block(const BuiltBlock& block, Tensor x) {
  if (variants_.empty()) return x;
  if (stacked_) return x;
  rows_ = x.size(0);
  bool now = false;
  for (const ResolvedEdits* variant : variants_) now |= variant->dropped.contains(block.path);
  for (HookId id : varied_)
    now |= id >= block.hook_resid_pre && id <= block.hook_resid_post && !model_.hooks()[static_cast<std::size_t>(id)].last;
  if (!now) return x;
  stack_surroundings();
  return aligned(x);
}

Tensor RunPass::undropped(const BuiltBlock& block, const Tensor& before, const Tensor& after) const {
  bool any = false;
  for (const ResolvedEdits* variant : variants_) any |= variant->dropped.contains(block.path);
  if (!any) return after;
  std::vector<Tensor> parts;
  for (std::int64_t v = 0; v < variants(); ++v)
    parts.push_back(rows_of(variants_[static_cast<std::size_t>(v)]->dropped.contains(block.path) ? before : after, v));
  return cat(parts, 0);
}

Tensor RunPass::aligned(const Tensor& x) const {
  return stacked_ && rows_ > 0 && x.dim() >= 2 && x.size(0) == rows_ ? times(x, variants()) : x;
}

Tensor RunPass::rows_of(const Tensor& x, std::int64_t variant) const {
  const std::int64_t rows = x.size(0) / variants();
  return slice(x, 0, variant * rows, (variant + 1) * rows);
}

Tensor RunPass::head_gate(const std::string& site, std::int64_t batch, std::int64_t heads) {
  Tensor& gate = run_.head_gates[site];
  if (!gate.defined()) gate = with_gradient(ones({batch, heads}));
  return gate;
}

Tensor run_block(const BuiltBlock& block, Tensor x, RunPass& pass) {
  x = pass.hook(block.hook_resid_pre, x);
  const Tensor first = x;
  Tensor parallel_input = x;
  for (const auto& s : block.sublayers) {
    Tensor in = s.parallel ? pass.aligned(parallel_input) : x;
    parallel_input = in;
    const bool again = pass.keeps_residuals && pass.capture_maps && in.box() == first.box() && !pass.edited(s.hook_in);
    in = pass.hook(s.hook_in, s.norm ? s.norm->forward(in, pass) : in);
    if (again) pass.input_again = [norm = s.norm, first] {
      QuietPass quiet;
      return norm ? norm->forward(first, quiet) : first;
    };
    else pass.input_again = nullptr;
    Tensor y = s.part ? s.part->forward(in, pass) : in;
    for (const auto& post : s.post) y = post->forward(y, pass);
    y = pass.hook(s.hook_out, y);
    if (s.residual_scale != 1) y = y * s.residual_scale;
    x = s.residual ? pass.aligned(x) + y : y;
    if (s.norm_after) x = s.norm_after->forward(x, pass);
    if (s.hook_mid) x = pass.hook(*s.hook_mid, x);
  }
  return pass.hook(block.hook_resid_post, x);
}

}  // namespace vitrine::engine
