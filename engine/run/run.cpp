#include "engine/run/run.h"

#include <chrono>
#include <set>

#include "engine/model/build.h"
#include "engine/run/apply_edit.h"
#include "engine/run/pass.h"
#include "engine/run/resolve.h"
#include "engine/tensor/guard.h"
#include "engine/tensor/ops.h"

namespace vitrine::engine {

RunPass::RunPass(const Model& model, const ResolvedEdits& edits, const std::vector<int>& taps, Run& run)
    : model_(model), edits_(edits), tapped_(model.hooks().size(), 0), run_(run) {
  for (int id : taps) tapped_[static_cast<std::size_t>(id)] = 1;
}

bool RunPass::wanted(HookId id) const { return tapped_[static_cast<std::size_t>(id)] != 0 || edits_.by_hook.contains(id); }
bool RunPass::edited(HookId id) const { return edits_.by_hook.contains(id); }

Tensor RunPass::hook(HookId id, const Tensor& x) {
  Tensor y = x;
  if (auto it = edits_.by_hook.find(id); it != edits_.by_hook.end())
    for (const auto& edit : it->second) y = apply_edit(y, model_.hooks()[static_cast<std::size_t>(id)].axes, edit);
  if (tapped_[static_cast<std::size_t>(id)]) run_.taps[model_.hooks()[static_cast<std::size_t>(id)].name] = y;
  return y;
}

Tensor RunPass::head_gate(const std::string& site, std::int64_t batch, std::int64_t heads) {
  Tensor& gate = run_.head_gates[site];
  if (!gate.defined()) gate = with_gradient(ones({batch, heads}));
  return gate;
}

Tensor run_block(const BuiltBlock& block, Tensor x, Pass& pass) {
  x = pass.hook(block.hook_resid_pre, x);
  Tensor parallel_input = x;
  for (const auto& s : block.sublayers) {
    Tensor in = s.parallel ? parallel_input : x;
    parallel_input = in;
    in = pass.hook(s.hook_in, s.norm ? s.norm->forward(in, pass) : in);
    Tensor y = s.part ? s.part->forward(in, pass) : in;
    for (const auto& post : s.post) y = post->forward(y, pass);
    y = pass.hook(s.hook_out, y);
    if (s.residual_scale != 1) y = y * s.residual_scale;
    x = s.residual ? x + y : y;
    if (s.norm_after) x = s.norm_after->forward(x, pass);
    if (s.hook_mid) x = pass.hook(*s.hook_mid, x);
  }
  return pass.hook(block.hook_resid_post, x);
}

namespace {

std::string tower_key(const BuiltTower& tower) { return tower.prefix; }

bool has_inputs(const BuiltTower& tower, const Model& model, const std::map<std::string, Tensor>& inputs) {
  for (const auto& t : model.spec().towers) {
    if (t.prefix != tower.prefix) continue;
    const auto ids = param_or<std::string>(t.stem.params, "ids", "input_ids"), pixels = param_or<std::string>(t.stem.params, "pixels", "pixel_values");
    return inputs.contains(t.stem.part == "token_embedding" ? ids : pixels);
  }
  return true;
}

/// One tower from its stem, or from a parent's residual stream, to its last hidden state.
class TowerRun {
 public:
  TowerRun(const BuiltTower& tower, const RunRequest& request, const ResolvedEdits& edits, RunPass& pass, Run& run)
      : tower_(tower), request_(request), edits_(edits), pass_(pass), run_(run) {}

  Result<bool> go(int first_touched, const Progress& progress) {
    const int n = static_cast<int>(tower_.blocks.size());
    const std::string key = tower_key(tower_);
    const Run* parent = request_.parent.get();
    const bool reuse = parent && parent->residuals.contains(key) && first_touched >= 0 && !request_.differentiable;
    int start = 0;
    Tensor x;
    // The stem also leaves masks and grids, so it always runs unless everything before the edit is known to the parent.
    x = tower_.stem->forward(Tensor(), pass_);
    if (reuse) {
      start = std::min(first_touched, n);
      while (start > 0 && taps_before(start)) --start;
      const auto& kept = parent->residuals.at(key);
      if (static_cast<int>(kept.size()) > start && start > 0) {
        x = kept[static_cast<std::size_t>(start)];
        for (int i = 0; i < start; ++i) keep(key, kept[static_cast<std::size_t>(i)]);
        for (const auto& block : tower_.blocks) {
          if (&block - tower_.blocks.data() >= start) break;
          for (const auto& [site, map] : parent->maps) if (site.starts_with(block.path + ".")) run_.maps[site] = map;
        }
        replay_grids(start);
      } else {
        start = 0;
      }
    }
    run_.blocks_reused += start;
    for (int b = start; b < n; ++b) {
      VITRINE_CHECK(progress.step(static_cast<double>(b) / std::max(1, n), tower_.blocks[static_cast<std::size_t>(b)].path));
      if (!(reuse && b == start && start > 0)) x = between(b, x);
      keep(key, x);
      const BuiltBlock& block = tower_.blocks[static_cast<std::size_t>(b)];
      if (!edits_.dropped.contains(block.path)) x = run_block(block, x, pass_);
      ++run_.blocks_computed;
      if (!request_.upto.empty() && block.path == request_.upto) return false;
    }
    if (!(reuse && start == n)) x = between(n, x);
    keep(key, x);
    if (tower_.final_norm) x = tower_.final_norm->forward(x, pass_);
    x = pass_.hook(tower_.hook_final, x);
    pass_.shared[key + "last"] = x;
    return true;
  }

 private:
  void keep(const std::string& key, const Tensor& x) { if (request_.keep_residuals) run_.residuals[key].push_back(x); }

  /// Whether anything is tapped in blocks before `start`, which therefore must run.
  bool taps_before(int start) const {
    for (int b = 0; b < start; ++b) {
      const auto& block = tower_.blocks[static_cast<std::size_t>(b)];
      for (HookId id = block.hook_resid_pre; id <= block.hook_resid_post; ++id) if (pass_.tapped(id)) return true;
    }
    return false;
  }

  Tensor between(int block, Tensor x) {
    for (const auto& merge : tower_.merges) {
      if (merge.before_block != block) continue;
      if (merge.hook_first) x = pass_.hook(merge.hook_out, x);
      if (merge.part) x = merge.part->forward(x, pass_);
      if (!merge.hook_first) x = pass_.hook(merge.hook_out, x);
    }
    return x;
  }

  /// Merges before `start` are not run again, but the grid that they leave must be known.
  void replay_grids(int start) {
    for (const auto& merge : tower_.merges)
      if (merge.part && merge.before_block <= start) {
        auto& [rows, cols] = pass_.grids[tower_.prefix];
        rows = (rows + 1) / 2;
        cols = (cols + 1) / 2;
      }
  }

  const BuiltTower& tower_;
  const RunRequest& request_;
  const ResolvedEdits& edits_;
  RunPass& pass_;
  Run& run_;
};

void run_heads(const Model& model, RunPass& pass, const std::set<std::string>& done) {
  for (const auto& head : model.parts().heads) {
    Tensor x;
    if (!head.from.empty()) {
      auto it = pass.outputs.find(head.from);
      if (it == pass.outputs.end()) continue;
      x = it->second;
    } else {
      if (!done.contains(head.tower)) continue;
      x = pass.shared.at(head.tower + "last");
    }
    for (const auto& step : head.steps) x = step->forward(x, pass);
    if (!head.output.empty()) pass.outputs[head.output] = x;
  }
}

}  // namespace

Result<std::shared_ptr<const Run>> run_model(const Model& model, const RunRequest& request, const Progress& progress) {
  const auto begin = std::chrono::steady_clock::now();
  VITRINE_TRY(const ResolvedEdits edits, resolve_edits(model, request.edits));
  VITRINE_TRY(const std::vector<int> taps, resolve_taps(model, request.taps));
  auto run = std::make_shared<Run>();
  run->inputs = request.inputs;
  run->edits = request.edits;
  auto first = first_touched(model, edits);
  auto body = [&]() -> Status {
    RunPass pass(model, edits, taps, *run);
    pass.inputs = request.inputs;
    pass.differentiable = request.differentiable;
    pass.capture_maps = request.capture_maps;
    std::set<std::string> done;
    std::set<std::string> changed;
    for (std::size_t t = 0; t < model.parts().built.size(); ++t) {
      const BuiltTower& tower = model.parts().built[t];
      if (!has_inputs(tower, model, request.inputs)) continue;
      if (!tower.memory.empty() && changed.contains(tower.memory)) first[t] = std::min(first[t], 0);
      if (first[t] < static_cast<int>(tower.blocks.size())) changed.insert(tower.prefix);
      VITRINE_TRY(const bool finished, TowerRun(tower, request, edits, pass, *run).go(first[t], progress));
      if (!finished) break;
      done.insert(tower.prefix);
      pass.outputs[tower.prefix + "last_hidden_state"] = pass.shared.at(tower.prefix + "last");
    }
    if (done.empty() && request.upto.empty()) return fail(ErrorCode::InvalidInput, "none of the model's inputs was given");
    run_heads(model, pass, done);
    run->outputs = std::move(pass.outputs);
    for (auto& [site, map] : pass.maps) run->maps[site] = map;
    return {};
  };
  Status status;
  if (request.differentiable) {
    status = guard(body, ErrorCode::InvalidInput);
  } else {
    const InferenceScope no_gradients;
    status = guard(body, ErrorCode::InvalidInput);
  }
  if (!status) return tl::unexpected(status.error());
  run->milliseconds = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
  return run;
}

}  // namespace vitrine::engine
