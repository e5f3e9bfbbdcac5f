#include "engine/run/tower_run.h"

#include <algorithm>

namespace vitrine::engine {

bool has_inputs(const BuiltTower& tower, const Model& model, const std::map<std::string, Tensor>& inputs) {
  for (const auto& t : model.spec().towers) {
    if (t.prefix != tower.prefix) continue;
    const auto ids = param_or<std::string>(t.stem.params, "ids", "input_ids"), pixels = param_or<std::string>(t.stem.params, "pixels", "pixel_values");
    return inputs.contains(t.stem.part == "token_embedding" ? ids : pixels);
  }
  return true;
}

/// The block to begin with; 0: nothing is reused.
int TowerRun::start_of(int first_touched) const {
  const Run* parent = request_.parent.get();
  if (!parent || first_touched < 0 || request_.differentiable || pass_.stacked()) return 0;
  const auto kept = parent->residuals.find(tower_.prefix);
  if (kept == parent->residuals.end()) return 0;
  int start = std::min(first_touched, static_cast<int>(tower_.blocks.size()));
  while (start > 0 && taps_before(start)) --start;
  return static_cast<int>(kept->second.size()) > start ? start : 0;
}

/// What the parent knows of the blocks before `start`.
void TowerRun::take_over(int start) {
  const Run& parent = *request_.parent;
  const auto& kept = parent.residuals.at(tower_.prefix);
  for (int i = 0; i < start; ++i) {
    keep(kept[static_cast<std::size_t>(i)]);
    const std::string path = tower_.blocks[static_cast<std::size_t>(i)].path + ".";
    for (const auto& [site, map] : parent.maps) if (site.starts_with(path)) run_.maps[site] = map;
  }
  replay_grids(start);
}

Result<bool> TowerRun::go(int first_touched, const Progress& progress) {
  const int n = static_cast<int>(tower_.blocks.size());
  pass_.begin_tower(tower_);
  // The stem also leaves masks and grids, so it always runs.
  Tensor x = tower_.stem->forward(Tensor(), pass_);
  const int start = start_of(first_touched);
  if (start > 0) {
    x = request_.parent->residuals.at(tower_.prefix)[static_cast<std::size_t>(start)];
    take_over(start);
  }
  run_.blocks_reused += start;
  for (int b = start; b < n; ++b) {
    VITRINE_CHECK(progress.step(static_cast<double>(b) / std::max(1, n), tower_.blocks[static_cast<std::size_t>(b)].path));
    if (b > start || start == 0) x = between(b, x);
    keep(x);
    const BuiltBlock& block = tower_.blocks[static_cast<std::size_t>(b)];
    x = pass_.begin_block(block, x);
    if (!edits_.dropped.contains(block.path)) x = pass_.undropped(block, x, run_block(block, x, pass_));
    ++run_.blocks_computed;
    if (!request_.upto.empty() && block.path == request_.upto) return false;
  }
  if (start < n || start == 0) x = between(n, x);
  keep(x);
  if (tower_.final_norm) x = tower_.final_norm->forward(x, pass_);
  x = pass_.hook(tower_.hook_final, x);
  pass_.shared[tower_.prefix + "last"] = x;
  return true;
}

void TowerRun::keep(const Tensor& x) { if (request_.keep_residuals) run_.residuals[tower_.prefix].push_back(x); }

/// Whether anything is tapped in blocks before `start`, which therefore must run.
bool TowerRun::taps_before(int start) const {
  for (int b = 0; b < start; ++b) {
    const auto& block = tower_.blocks[static_cast<std::size_t>(b)];
    for (HookId id = block.hook_resid_pre; id <= block.hook_resid_post; ++id) if (pass_.tapped(id)) return true;
  }
  return false;
}

Tensor TowerRun::between(int block, Tensor x) {
  for (const auto& merge : tower_.merges) {
    if (merge.before_block != block) continue;
    if (merge.hook_first) x = pass_.hook(merge.hook_out, x);
    if (merge.part) x = merge.part->forward(x, pass_);
    if (!merge.hook_first) x = pass_.hook(merge.hook_out, x);
  }
  return x;
}

/// Merges before `start` are not run again, but the grid that they leave must be known.
void TowerRun::replay_grids(int start) {
  for (const auto& merge : tower_.merges)
    if (merge.part && merge.part->halves_grid() && merge.before_block <= start) {
      auto& [rows, cols] = pass_.grids[tower_.prefix];
      rows = (rows + 1) / 2;
      cols = (cols + 1) / 2;
    }
}

void run_heads(const Model& model, Pass& pass, const std::set<std::string>& done) {
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

}  // namespace vitrine::engine
