#pragma once

#include <vector>

#include "engine/model/build.h"
#include "engine/run/resolve.h"
#include "engine/run/run.h"

namespace vitrine::engine {

/// The pass of `run_model`: applies edits and fills the taps of a Run.
class RunPass final : public Pass {
 public:
  RunPass(const Model& model, const ResolvedEdits& edits, const std::vector<int>& taps, Run& run);
  [[nodiscard]] bool wanted(HookId id) const override;
  [[nodiscard]] bool edited(HookId id) const override;
  [[nodiscard]] bool tapped(HookId id) const { return tapped_[static_cast<std::size_t>(id)] != 0; }
  Tensor hook(HookId id, const Tensor& x) override;
  Tensor head_gate(const std::string& site, std::int64_t batch, std::int64_t heads) override;

 private:
  const Model& model_;
  const ResolvedEdits& edits_;
  std::vector<char> tapped_;
  Run& run_;
};

/// The residual stream after a block.
[[nodiscard]] Tensor run_block(const BuiltBlock& block, Tensor x, Pass& pass);

}  // namespace vitrine::engine
