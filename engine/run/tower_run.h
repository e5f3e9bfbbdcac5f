#pragma once

#include <map>
#include <set>
#include <string>

#include "engine/run/pass.h"

namespace vitrine::engine {

/// Whether the tower's stem finds what it reads.
[[nodiscard]] bool has_inputs(const BuiltTower& tower, const Model& model, const std::map<std::string, Tensor>& inputs);

/// One tower from its stem, or from a parent's residual stream, to its last hidden state.
class TowerRun {
 public:
  TowerRun(const BuiltTower& tower, const RunRequest& request, const ResolvedEdits& edits, RunPass& pass, Run& run)
      : tower_(tower), request_(request), edits_(edits), pass_(pass), run_(run) {}

  /// @param first_touched index of the first block that must be computed; -1: from the stem on
  /// @return false if it stopped at `request.upto`
  Result<bool> go(int first_touched, const Progress& progress);

 private:
  void keep(const Tensor& x);
  [[nodiscard]] int start_of(int first_touched) const;
  void take_over(int start);
  [[nodiscard]] bool taps_before(int start) const;
  Tensor between(int block, Tensor x);
  void replay_grids(int start);

  const BuiltTower& tower_;
  const RunRequest& request_;
  const ResolvedEdits& edits_;
  RunPass& pass_;
  Run& run_;
};

/// The model's heads on what the towers left in `pass.shared`; `done`: prefixes of the towers that ran.
void run_heads(const Model& model, Pass& pass, const std::set<std::string>& done);

}  // namespace vitrine::engine
