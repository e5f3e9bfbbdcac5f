#include "engine/run/joined_sweep.h"

#include <algorithm>
#include <set>

#include "engine/core/free_memory.h"
#include "engine/run/apply_edit.h"
#include "engine/run/plain_tower.h"
#include "engine/run/tower_run.h"
#include "engine/tensor/in_blocks.h"
#include "engine/tensor/ops.h"

namespace vitrine::engine {

namespace {

/// Rows (variant x item x token) that pass through a block at a time: enough that a product of matrices is at its best, few
/// enough that what lies between two products stays near the processor.
constexpr std::int64_t kRows = 768;
/// Logits at a time, bytes.
constexpr std::int64_t kLogits = 32LL << 20;

const EditList& edits_at(const ResolvedEdits& edits, HookId id) {
  static const EditList none;
  const auto it = edits.by_hook.find(id);
  return it == edits.by_hook.end() ? none : it->second;
}

/// Whether the edit leaves every token what it is without the others.
bool token_by_token(const Edit& edit) { return edit.op != EditOp::Mean || !edit.value.empty(); }

bool is_causal(const TowerSpec& tower) {
  for (const auto& stage : tower.stages)
    for (const auto& block : stage.blocks)
      for (const auto& s : block.sublayers)
        if (s.part.part == "attention" && !param_or(s.part.params, "causal", false)) return false;
  return true;
}

Tensor copies(const Tensor& x, std::int64_t times) {
  std::vector<std::int64_t> counts(static_cast<std::size_t>(x.dim()), 1);
  counts[0] = times;
  return times == 1 ? x : repeat(x, counts);
}

Tensor from_token(const Tensor& x, std::int64_t from) { return from == 0 ? x : slice(x, 1, from, x.size(1)); }
Tensor last_token(const Tensor& x) { return slice(x, 1, x.size(1) - 1, x.size(1)); }

/// Values of one token's widest output.
std::int64_t widest_output(const Model& model) {
  std::int64_t widest = model.towers()[0].d_model;
  for (const HeadSpec& head : model.spec().heads)
    for (const PartSpec& step : head.steps) widest = std::max(widest, param_or<std::int64_t>(step.params, "vocab", 0));
  return widest;
}

/// The head over the vocabulary, if its steps take tokens one by one.
const BuiltHead* head_of_tokens(const Model& model) {
  for (std::size_t i = 0; i < model.parts().heads.size(); ++i) {
    const HeadSpec& spec = model.spec().heads[i];
    if (spec.output != "logits" || !spec.from.empty()) continue;
    return std::all_of(spec.steps.begin(), spec.steps.end(), is_tokenwise) ? &model.parts().heads[i] : nullptr;
  }
  return nullptr;
}

}  // namespace

/// The pass of all variants: the edits that they share, and nothing kept but one z if it is asked for.
class JoinedSweep::SharedPass final : public Pass {
 public:
  explicit SharedPass(const JoinedSweep& sweep, HookId keep = -1) : model_(sweep.model_), edits_(sweep.shared_), keep_(keep) { capture_maps = false; }
  [[nodiscard]] bool wanted(HookId id) const override { return edited(id); }
  [[nodiscard]] bool edited(HookId id) const override { return edits_.by_hook.contains(id); }
  Tensor hook(HookId id, const Tensor& x) override {
    Tensor y = x;
    for (const Edit& edit : edits_at(edits_, id)) y = apply_edit(y, model_.hooks()[static_cast<std::size_t>(id)].axes, edit);
    if (id == keep_) kept = y;
    return y;
  }
  Tensor head_gate(const std::string&, std::int64_t batch, std::int64_t heads) override { return ones({batch, heads}); }

  Tensor kept;

 private:
  const Model& model_;
  const ResolvedEdits& edits_;
  HookId keep_;
};

/// A block as its sublayers take it: everything, or from after its attention on.
struct JoinedSweep::Level {
  const BuiltBlock& block;
  const Site& site;

  /// @param x stream before the block
  Tensor whole(Tensor x, Pass& pass) const {
    x = pass.hook(block.hook_resid_pre, x);
    Tensor parallel = x;
    for (std::size_t i = 0; i < block.sublayers.size(); ++i) {
      const BuiltSublayer& s = block.sublayers[i];
      const Tensor y = part(s, x, parallel, pass);
      if (pass.last_query && i == site.attention) { x = last_token(x); parallel = last_token(parallel); }
      x = after(s, x, y, pass);
    }
    return pass.hook(block.hook_resid_post, x);
  }
  /// @param x stream before the attention, rows as y has them  @param y what the attention made of it
  Tensor rest(Tensor x, Tensor parallel, const Tensor& y, Pass& pass) const {
    x = after(block.sublayers[site.attention], x, y, pass);
    for (std::size_t i = site.attention + 1; i < block.sublayers.size(); ++i) {
      const Tensor made = part(block.sublayers[i], x, parallel, pass);
      x = after(block.sublayers[i], x, made, pass);
    }
    return pass.hook(block.hook_resid_post, x);
  }
  static Tensor part(const BuiltSublayer& s, const Tensor& x, Tensor& parallel, Pass& pass) {
    const Tensor in = s.parallel ? parallel : x;
    parallel = in;
    const Tensor normed = pass.hook(s.hook_in, s.norm ? s.norm->forward(in, pass) : in);
    return s.part ? s.part->forward(normed, pass) : normed;
  }
  static Tensor after(const BuiltSublayer& s, const Tensor& x, Tensor y, Pass& pass) {
    for (const auto& post : s.post) y = post->forward(y, pass);
    y = pass.hook(s.hook_out, y);
    if (s.residual_scale != 1) y = y * s.residual_scale;
    Tensor sum = s.residual ? x + y : y;
    if (s.norm_after) sum = s.norm_after->forward(sum, pass);
    return s.hook_mid ? pass.hook(*s.hook_mid, sum) : sum;
  }
};

bool JoinedSweep::fits(const Model& model, const SweepRequest& request, const ResolvedEdits& shared) {
  if (model.parts().stream || !is_plain_tower(model, false) || !has_inputs(model.parts().built[0], model, request.inputs) || !shared.dropped.empty()) return false;
  for (const auto& [id, list] : shared.by_hook)
    if (!std::all_of(list.begin(), list.end(), row_by_row)) return false;
  for (const BuiltHead& head : model.parts().heads)
    for (const auto& step : head.steps) if (step->mixes_batch()) return false;
  const std::int64_t needed = forecast_activations(model, {.inputs = request.inputs});
  return needed < (std::int64_t{256} << 20) || 2 * needed <= free_memory();
}

bool JoinedSweep::takes(const Model& model, const ResolvedEdits& variant) {
  if (!variant.dropped.empty() || variant.by_hook.size() != 1) return false;
  const std::string& name = model.hooks()[static_cast<std::size_t>(variant.by_hook.begin()->first)].name;
  return std::any_of(model.towers()[0].mixers.begin(), model.towers()[0].mixers.end(), [&](const MixerInfo& m) { return name == m.site + ".hook_z"; });
}

JoinedSweep::JoinedSweep(const Model& model, const SweepRequest& request, const ResolvedEdits& shared)
    : model_(model), request_(request), shared_(shared), tower_(model.parts().built[0]) {
  free_ = shared.by_hook.empty();
  last_alone_ = request.last_token && free_ && model.causal_lm() && head_of_tokens(model);
  find_sites();
  run_base();
  prefix_ = last_alone_ && is_causal(model.spec().towers[0]) && batch_ == 1 && !request.inputs.contains("position_ids");
}

void JoinedSweep::find_sites() {
  std::vector<const BlockSpec*> specs;
  for (const StageSpec& stage : model_.spec().towers[0].stages)
    for (const BlockSpec& block : stage.blocks) specs.push_back(&block);
  for (std::size_t b = 0; b < tower_.blocks.size(); ++b) {
    Site site;
    while (specs[b]->sublayers[site.attention].part.part != "attention") ++site.attention;
    site.path = model_.towers()[0].mixers[b].site;
    for (HookId id = tower_.blocks[b].hook_resid_pre; id <= tower_.blocks[b].hook_resid_post; ++id)
      if (model_.hooks()[static_cast<std::size_t>(id)].name == site.path + ".hook_z") site.hook_z = id;
    site.w_out = model_.parts().weights.at(site.path + ".out.weight");
    sites_.push_back(std::move(site));
  }
}

/// The unchanged pass, of which a variant keeps everything before its z.
void JoinedSweep::run_base() {
  SharedPass stem(*this);
  stem.inputs = request_.inputs;
  Tensor x = tower_.stem->forward(Tensor(), stem);
  surroundings_ = stem.shared;
  grids_ = stem.grids;
  batch_ = x.size(0);
  tokens_ = x.size(1);
  for (std::size_t b = 0; b < tower_.blocks.size(); ++b) {
    Site& site = sites_[b];
    const BuiltBlock& block = tower_.blocks[b];
    SharedPass pass(*this, site.hook_z);
    pass.inputs = request_.inputs;
    pass.shared = surroundings_;
    std::map<std::string, KeyValueCache> cache;
    if (last_alone_) pass.cache = &cache;
    stream_.push_back(x);
    x = pass.hook(block.hook_resid_pre, x);
    Tensor parallel = x;
    for (std::size_t i = 0; i <= site.attention; ++i) {
      const Tensor y = Level::part(block.sublayers[i], x, parallel, pass);
      if (i < site.attention) { x = Level::after(block.sublayers[i], x, y, pass); continue; }
      site.x = x;
      site.parallel = parallel;
      site.y = y;
    }
    site.z = pass.kept;
    if (last_alone_) site.kept = cache[site.path];
    x = Level{block, site}.rest(x, parallel, site.y, pass);
  }
  stream_.push_back(x);
}

JoinedSweep::Entry JoinedSweep::entry_of(const SweepVariant& variant) const {
  Entry entry{.variant = &variant};
  const auto& [hook, list] = *variant.edits.by_hook.begin();
  while (sites_[entry.block].hook_z != hook) ++entry.block;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const bool one = list[i].tokens.size() == 1 && token_by_token(list[i]) && row_by_row(list[i]);
    const std::int64_t token = !one ? -1 : list[i].tokens[0] < 0 ? list[i].tokens[0] + tokens_ : list[i].tokens[0];
    entry.token = i == 0 || token == entry.token ? token : -1;
    if (token < 0 || token >= tokens_) entry.token = -1;
    if (entry.token < 0) break;
  }
  return entry;
}

std::int64_t JoinedSweep::first_token(const Entry& entry) const { return prefix_ && entry.token > 0 ? entry.token : 0; }

Status JoinedSweep::run(const std::vector<SweepVariant>& variants, const VariantVisitor& visit, const Progress& progress) {
  std::vector<Entry> entries;
  for (const SweepVariant& variant : variants) entries.push_back(entry_of(variant));
  std::stable_sort(entries.begin(), entries.end(), [&](const Entry& a, const Entry& b) {
    return std::pair(first_token(a), b.block) < std::pair(first_token(b), a.block);
  });
  for (std::size_t begin = 0; begin < entries.size();) {
    const std::int64_t from = first_token(entries[begin]);
    const std::int64_t bytes = batch_ * (tokens_ - from) * stream_[0].size(2) * byte_size(stream_[0].dtype());
    const auto most = static_cast<std::size_t>(std::max<std::int64_t>(1, request_.memory_limit / std::max<std::int64_t>(1, bytes)));
    std::vector<const Entry*> together;
    while (begin < entries.size() && together.size() < most && first_token(entries[begin]) == from) together.push_back(&entries[begin++]);
    VITRINE_CHECK(progress.step(static_cast<double>(begin - together.size()) / static_cast<double>(entries.size()), "variants"));
    VITRINE_CHECK(wave(together, from, visit, progress));
  }
  return {};
}

Status JoinedSweep::wave(const std::vector<const Entry*>& entries, std::int64_t from, const VariantVisitor& visit, const Progress& progress) {
  std::vector<Chunk> chunks;
  for (std::size_t b = 0; b < tower_.blocks.size(); ++b) {
    VITRINE_CHECK(progress.silent().step(0, tower_.blocks[b].path));
    for (Chunk& chunk : chunks) chunk.x = advance(b, chunk.x, from);
    std::vector<const Entry*> here;
    for (const Entry* entry : entries) if (entry->block == b) here.push_back(entry);
    enter(b, here, from, chunks);
  }
  return last_alone_ ? hand_over_last(chunks, visit) : hand_over(chunks, visit);
}

/// One block on a batch of variants.
Tensor JoinedSweep::advance(std::size_t block, const Tensor& x, std::int64_t from) const {
  SharedPass pass(*this);
  const std::int64_t variants = x.size(0) / batch_;
  pass.inputs = request_.inputs;
  for (auto& [name, given] : pass.inputs)
    if (given.dim() < 4 && given.dim() > 0 && given.size(0) == batch_) given = copies(given, variants);
  for (const auto& [name, left] : surroundings_) pass.shared[name] = left.dim() > 0 && left.size(0) == batch_ ? copies(left, variants) : left;
  pass.grids = grids_;
  pass.last_query = last_alone_ && block + 1 == tower_.blocks.size();
  pass.position = from;
  const Site& site = sites_[block];
  std::map<std::string, KeyValueCache> cache;
  if (from > 0) {
    const auto before = [&](const Tensor& t) { return expand(slice(t, 2, 0, from), {x.size(0), t.size(1), from, t.size(3)}); };
    cache[site.path] = {before(site.kept.k), before(site.kept.v)};
    pass.cache = &cache;
  }
  return Level{tower_.blocks[block], site}.whole(x, pass);
}

/// z of one variant; of its only token if that is enough.
Tensor JoinedSweep::changed_z(const Site& site, const Entry& entry, bool token_alone) const {
  const auto& [hook, list] = *entry.variant->edits.by_hook.begin();
  const auto& axes = model_.hooks()[static_cast<std::size_t>(hook)].axes;
  Tensor z = token_alone ? slice(site.z, 1, entry.token, entry.token + 1) : site.z;
  for (Edit edit : list) {
    if (token_alone) edit.tokens.clear();
    z = apply_edit(z, axes, edit);
  }
  return z;
}

/// What a change of z does to the attention's output: dz W_O^T, over the heads that changed.
Tensor JoinedSweep::output_change(const Site& site, const Entry& entry, const Tensor& dz) const {
  std::set<std::int64_t> heads;
  const std::int64_t n = dz.size(2), width = dz.size(3);
  for (const Edit& edit : entry.variant->edits.by_hook.begin()->second)
    for (std::int64_t h = 0; h < n; ++h)
      if (edit.heads.empty() || std::count(edit.heads.begin(), edit.heads.end(), h) || std::count(edit.heads.begin(), edit.heads.end(), h - n)) heads.insert(h);
  const Tensor w_out = plain(site.w_out);
  if (2 * static_cast<std::int64_t>(heads.size()) > n) return linear(reshape(dz, {dz.size(0), dz.size(1), n * width}), w_out, Tensor());
  Tensor sum;
  for (const std::int64_t h : heads) {
    const Tensor part = linear(select(dz, 2, h), slice(w_out, 1, h * width, (h + 1) * width), Tensor());
    sum = sum.defined() ? sum + part : part;
  }
  return sum.defined() ? sum : site.y * 0.0;
}

/// The unchanged stream after a block, once per variant.
Tensor JoinedSweep::unchanged(std::int64_t count, std::size_t after_block, std::int64_t from) const {
  const Tensor& x = stream_[after_block + 1];
  return copies(last_alone_ && after_block + 1 == tower_.blocks.size() ? last_token(x) : from_token(x, from), count);
}

void JoinedSweep::enter(std::size_t block, const std::vector<const Entry*>& entries, std::int64_t from, std::vector<Chunk>& chunks) const {
  const bool last = last_alone_ && block + 1 == tower_.blocks.size();
  std::vector<const Entry*> whole, alone, none;
  for (const Entry* entry : entries) {
    const bool one = free_ && entry->token >= 0;
    if (one && last && entry->token != tokens_ - 1) none.push_back(entry);
    else (one ? alone : whole).push_back(entry);
  }
  if (!whole.empty()) enter_whole(block, whole, from, chunks);
  if (!alone.empty()) enter_token(block, alone, from, chunks);
  if (!none.empty()) join({unchanged(static_cast<std::int64_t>(none.size()), block, from), none}, chunks, from);
}

/// Variants that change many tokens: each has its own rows from here on.
void JoinedSweep::enter_whole(std::size_t block, const std::vector<const Entry*>& entries, std::int64_t from, std::vector<Chunk>& chunks) const {
  const Site& site = sites_[block];
  const bool last = last_alone_ && block + 1 == tower_.blocks.size();
  const auto part = [&](const Tensor& x) { return last ? last_token(x) : from_token(x, from); };
  const std::int64_t rows = batch_ * (last ? 1 : tokens_ - from);
  const auto most = static_cast<std::size_t>(std::max<std::int64_t>(1, kRows / rows));
  for (std::size_t begin = 0; begin < entries.size(); begin += most) {
    Chunk chunk;
    chunk.entries.assign(entries.begin() + static_cast<std::ptrdiff_t>(begin), entries.begin() + static_cast<std::ptrdiff_t>(std::min(entries.size(), begin + most)));
    std::vector<Tensor> outputs;
    for (const Entry* entry : chunk.entries)
      outputs.push_back(part(site.y) + output_change(site, *entry, part(changed_z(site, *entry, false)) - part(site.z)));
    const auto count = static_cast<std::int64_t>(outputs.size());
    SharedPass pass(*this);
    chunk.x = Level{tower_.blocks[block], site}.rest(copies(part(site.x), count), copies(part(site.parallel), count), cat(outputs, 0), pass);
    join(std::move(chunk), chunks, from);
  }
}

/// Variants that change one token: only that token has anything to do until the next block.
void JoinedSweep::enter_token(std::size_t block, const std::vector<const Entry*>& entries, std::int64_t from, std::vector<Chunk>& chunks) const {
  const Site& site = sites_[block];
  const bool last = last_alone_ && block + 1 == tower_.blocks.size();
  std::vector<Tensor> outputs, xs, parallels;
  for (const Entry* entry : entries) {
    const auto at = [&](const Tensor& x) { return slice(x, 1, entry->token, entry->token + 1); };
    outputs.push_back(at(site.y) + output_change(site, *entry, changed_z(site, *entry, true) - at(site.z)));
    xs.push_back(at(site.x));
    parallels.push_back(at(site.parallel));
  }
  SharedPass pass(*this);
  const Tensor rows = Level{tower_.blocks[block], site}.rest(cat(xs, 0), cat(parallels, 0), cat(outputs, 0), pass);   // [variant * batch, 1, d_model]
  const auto most = static_cast<std::size_t>(std::max<std::int64_t>(1, kRows / (batch_ * (tokens_ - from))));
  for (std::size_t begin = 0; begin < entries.size(); begin += most) {
    Chunk chunk;
    chunk.entries.assign(entries.begin() + static_cast<std::ptrdiff_t>(begin), entries.begin() + static_cast<std::ptrdiff_t>(std::min(entries.size(), begin + most)));
    std::vector<Tensor> streams;
    for (std::size_t i = 0; i < chunk.entries.size(); ++i) {
      const auto row = static_cast<std::int64_t>(begin + i) * batch_;
      const Tensor own = slice(rows, 0, row, row + batch_);
      const std::int64_t token = chunk.entries[i]->token;
      streams.push_back(last ? own : cat({slice(stream_[block + 1], 1, from, token), own, slice(stream_[block + 1], 1, token + 1, tokens_)}, 1));
    }
    chunk.x = cat(streams, 0);
    join(std::move(chunk), chunks, from);
  }
}

/// Into the batch before it, if there is room.
void JoinedSweep::join(Chunk chunk, std::vector<Chunk>& chunks, std::int64_t from) const {
  const std::int64_t most = std::max(batch_, kRows / (tokens_ - from));
  if (!chunks.empty() && chunks.back().x.size(0) + chunk.x.size(0) <= most) {
    Chunk& into = chunks.back();
    into.x = cat({into.x, chunk.x}, 0);
    into.entries.insert(into.entries.end(), chunk.entries.begin(), chunk.entries.end());
  } else {
    chunks.push_back(std::move(chunk));
  }
}

/// Everything that a run has, of as many variants at a time as their logits allow.
Status JoinedSweep::hand_over(const std::vector<Chunk>& chunks, const VariantVisitor& visit) const {
  const std::int64_t most = std::max<std::int64_t>(1, kLogits / (widest_output(model_) * batch_ * tokens_ * 4));
  for (const Chunk& chunk : chunks) {
    const auto count = static_cast<std::int64_t>(chunk.entries.size());
    for (std::int64_t begin = 0; begin < count; begin += most) {
      const std::int64_t end = std::min(count, begin + most);
      SharedPass pass(*this);
      pass.inputs = request_.inputs;
      for (auto& [name, x] : pass.inputs) if (x.dim() > 0 && x.dim() < 4) x = copies(x, end - begin);
      for (const auto& [name, x] : surroundings_) pass.shared[name] = x.dim() > 0 && x.size(0) == batch_ ? copies(x, end - begin) : x;
      pass.grids = grids_;
      Tensor x = slice(chunk.x, 0, begin * batch_, end * batch_);
      if (tower_.final_norm) x = tower_.final_norm->forward(x, pass);
      x = pass.hook(tower_.hook_final, x);
      pass.shared[tower_.prefix + "last"] = pass.outputs[tower_.prefix + "last_hidden_state"] = x;
      run_heads(model_, pass, {tower_.prefix});
      for (std::int64_t v = begin; v < end; ++v) {
        std::map<std::string, Tensor> own;
        for (const auto& [name, all] : pass.outputs) own[name] = slice(all, 0, (v - begin) * batch_, (v - begin + 1) * batch_);
        VITRINE_CHECK(visit(chunk.entries[static_cast<std::size_t>(v)]->variant->index, own));
      }
    }
  }
  return {};
}

Status JoinedSweep::hand_over_last(const std::vector<Chunk>& chunks, const VariantVisitor& visit) const {
  std::vector<Tensor> all;
  std::vector<const Entry*> entries;
  for (const Chunk& chunk : chunks) {
    all.push_back(chunk.x);
    entries.insert(entries.end(), chunk.entries.begin(), chunk.entries.end());
  }
  const Tensor rows = cat(all, 0);   // [variant * batch, 1, d_model]
  const BuiltHead& head = *head_of_tokens(model_);
  const std::int64_t most = std::max<std::int64_t>(1, kLogits / (widest_output(model_) * batch_ * 4));
  const auto count = static_cast<std::int64_t>(entries.size());
  for (std::int64_t begin = 0; begin < count; begin += most) {
    const std::int64_t end = std::min(count, begin + most);
    SharedPass pass(*this);
    Tensor x = slice(rows, 0, begin * batch_, end * batch_);
    if (tower_.final_norm) x = tower_.final_norm->forward(x, pass);
    x = pass.hook(tower_.hook_final, x);
    for (const auto& step : head.steps) x = step->forward(x, pass);
    for (std::int64_t v = begin; v < end; ++v)
      VITRINE_CHECK(visit(entries[static_cast<std::size_t>(v)]->variant->index, {{"logits", slice(x, 0, (v - begin) * batch_, (v - begin + 1) * batch_)}}));
  }
  return {};
}

}  // namespace vitrine::engine
