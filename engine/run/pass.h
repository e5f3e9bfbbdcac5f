#pragma once

#include <set>
#include <string>
#include <vector>

#include "engine/model/build.h"
#include "engine/run/resolve.h"
#include "engine/run/run.h"

namespace vitrine::engine {

/// The pass of `run_model` and `sweep`: applies edits and fills the taps of a Run.
///
/// With variants it begins like any pass. At the first hook that a variant changes, the tensor becomes one copy of the batch
/// per variant, variant after variant along the first axis, and so do masks and inputs: what comes after is one larger batch.
class RunPass final : public Pass {
 public:
  RunPass(const Model& model, const ResolvedEdits& edits, const std::vector<int>& taps, Run& run,
          const std::vector<const ResolvedEdits*>& variants = {});
  [[nodiscard]] bool wanted(HookId id) const override;
  [[nodiscard]] bool edited(HookId id) const override;
  [[nodiscard]] bool tapped(HookId id) const { return tapped_[static_cast<std::size_t>(id)] != 0; }
  Tensor hook(HookId id, const Tensor& x) override;
  Tensor head_gate(const std::string& site, std::int64_t batch, std::int64_t heads) override;

  /// Before a tower: its inputs are stacked from the start if the tower that it reads is.
  void begin_tower(const BuiltTower& tower);
  /// Before a block: stacks now if a variant changes it where the parts still compare what is stacked with what is not.
  Tensor begin_block(const BuiltBlock& block, Tensor x);
  /// After a block: the streams of those variants that leave it out stay as they were.
  [[nodiscard]] Tensor undropped(const BuiltBlock& block, const Tensor& before, const Tensor& after) const;
  /// x, or one copy per variant if the pass is stacked and x is not yet.
  [[nodiscard]] Tensor aligned(const Tensor& x) const;

  /// Residual streams at block boundaries stay with the run.
  bool keeps_residuals = false;

  [[nodiscard]] bool stacked() const { return stacked_; }
  [[nodiscard]] bool stacked(const std::string& tower) const { return stacked_towers_.contains(tower); }
  [[nodiscard]] std::int64_t variants() const { return static_cast<std::int64_t>(variants_.size()); }
  [[nodiscard]] const std::map<std::string, Tensor>& plain_inputs() const { return plain_inputs_; }
  /// The rows of one variant of a stacked tensor.
  [[nodiscard]] Tensor rows_of(const Tensor& x, std::int64_t variant) const;

 private:
  [[nodiscard]] bool varied(HookId id) const { return varied_.contains(id); }
  Tensor vary(HookId id, const Tensor& x);
  void stack_surroundings();

  const Model& model_;
  const ResolvedEdits& edits_;
  std::vector<char> tapped_;
  Run& run_;
  std::vector<const ResolvedEdits*> variants_;
  std::set<HookId> varied_;
  std::set<std::string> stacked_towers_;
  std::map<std::string, Tensor> plain_inputs_;
  std::string tower_, memory_;
  std::int64_t rows_ = 0;        ///< of the tower's batch before it is stacked; 0: not known yet
  bool stacked_ = false;
};

/// The residual stream after a block.
[[nodiscard]] Tensor run_block(const BuiltBlock& block, Tensor x, RunPass& pass);

}  // namespace vitrine::engine
