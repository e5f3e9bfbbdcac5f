#include "engine/run/sweep.h"

#include <algorithm>
#include <set>
#include <span>

#include "engine/run/joined_sweep.h"
#include "engine/run/resolve.h"
#include "engine/run/streamed_pass.h"
#include "engine/run/tower_run.h"
#include "engine/tensor/guard.h"
#include "engine/tensor/memory_pool.h"
#include "engine/tensor/ops.h"

namespace vitrine::engine {

namespace {

using Variant = SweepVariant;

Result<std::vector<Variant>> resolve_variants(const Model& model, const SweepRequest& request) {
  std::vector<Variant> all;
  for (std::size_t i = 0; i < request.variants.size(); ++i) {
    VITRINE_TRY(ResolvedEdits edits, resolve_edits(model, request.variants[i]));
    std::vector<int> first = first_touched(model, edits);
    for (std::size_t t = 0; t < first.size(); ++t)
      if (!has_inputs(model.parts().built[t], model, request.inputs)) first[t] = 0;
    all.push_back({i, std::move(edits), std::move(first)});
  }
  std::stable_sort(all.begin(), all.end(), [](const Variant& a, const Variant& b) { return a.first > b.first; });
  return all;
}

bool heads_mix_batch(const Model& model) {
  for (const BuiltHead& head : model.parts().heads)
    for (const auto& step : head.steps) if (step->mixes_batch()) return true;
  return false;
}

/// One batch of variants that first change the same blocks.
class StackedRun {
 public:
  StackedRun(const Model& model, const RunRequest& request, const ResolvedEdits& shared, std::span<const Variant> variants)
      : model_(model), request_(request), shared_(shared), variants_(variants), pass_(model, shared, {}, run_, pointers(variants)) {
    pass_.inputs = request.inputs;
    pass_.capture_maps = false;
  }

  Status run_towers(const Progress& progress) {
    auto first = variants_.front().first;
    std::set<std::string> changed;
    for (std::size_t t = 0; t < model_.parts().built.size(); ++t) {
      const BuiltTower& tower = model_.parts().built[t];
      if (!has_inputs(tower, model_, request_.inputs)) continue;
      if (!tower.memory.empty() && changed.contains(tower.memory)) first[t] = std::min(first[t], 0);
      if (first[t] < static_cast<int>(tower.blocks.size())) changed.insert(tower.prefix);
      VITRINE_CHECK(TowerRun(tower, request_, shared_, pass_, run_).go(first[t], progress));
      done_.insert(tower.prefix);
      const std::string name = tower.prefix + "last_hidden_state";
      pass_.outputs[name] = pass_.shared.at(tower.prefix + "last");
      if (pass_.stacked()) stacked_.insert(name);
      any_ |= pass_.stacked();
    }
    return {};
  }

  Status visit(const VariantVisitor& visitor) {
    const bool apart = heads_mix_batch(model_);
    if (!apart) run_all_heads();
    for (std::size_t v = 0; v < variants_.size(); ++v)
      VITRINE_CHECK(visitor(variants_[v].index, apart ? heads_of(static_cast<std::int64_t>(v)) : outputs_of(static_cast<std::int64_t>(v))));
    return {};
  }

 private:
  static std::vector<const ResolvedEdits*> pointers(std::span<const Variant> variants) {
    std::vector<const ResolvedEdits*> all;
    for (const Variant& v : variants) all.push_back(&v.edits);
    return all;
  }

  void run_all_heads() {
    if (!any_) pass_.inputs = pass_.plain_inputs();
    run_heads(model_, pass_, done_);
    for (const BuiltHead& head : model_.parts().heads)
      if (head.from.empty() ? pass_.stacked(head.tower) : stacked_.contains(head.from)) stacked_.insert(head.output);
  }

  std::map<std::string, Tensor> outputs_of(std::int64_t variant) const {
    std::map<std::string, Tensor> own;
    for (const auto& [name, x] : pass_.outputs) own[name] = stacked_.contains(name) ? pass_.rows_of(x, variant) : x;
    return own;
  }

  /// The heads on the rows of one variant, for models in which rows of the batch act on each other.
  std::map<std::string, Tensor> heads_of(std::int64_t variant) {
    const ResolvedEdits none;
    Run scratch;
    RunPass pass(model_, none, {}, scratch);
    pass.inputs = pass_.plain_inputs();
    pass.outputs = outputs_of(variant);
    pass.grids = pass_.grids;
    for (const auto& [key, x] : pass_.shared) {
      const bool stacked = std::any_of(done_.begin(), done_.end(), [&](const std::string& t) { return pass_.stacked(t) && key.starts_with(t); });
      pass.shared[key] = stacked ? pass_.rows_of(x, variant) : x;
    }
    run_heads(model_, pass, done_);
    return pass.outputs;
  }

  const Model& model_;
  const RunRequest& request_;
  const ResolvedEdits& shared_;
  std::span<const Variant> variants_;
  Run run_;
  RunPass pass_;
  std::set<std::string> done_, stacked_;
  bool any_ = false;
};

/// Variants that change the same blocks first, as many at a time as memory allows.
Status sweep_stacked(const Model& model, const SweepRequest& request, const ResolvedEdits& shared, const std::vector<Variant>& variants,
                     const VariantVisitor& visit, const Progress& progress) {
  RunRequest run{.inputs = request.inputs, .edits = request.edits, .capture_maps = false, .keep_residuals = true, .parent = request.parent};
  if (!run.parent) {
    VITRINE_TRY(run.parent, run_model(model, run));
  }
  run.keep_residuals = false;
  VITRINE_TRY(const SweepForecast cost, forecast_sweep(model, request));
  const auto most = static_cast<std::size_t>(std::clamp<std::int64_t>(request.memory_limit / std::max<std::int64_t>(1, cost.bytes_per_variant), 1, 4096));
  for (std::size_t begin = 0; begin < variants.size();) {
    std::size_t end = begin + 1;
    while (end < variants.size() && end - begin < most && variants[end].first == variants[begin].first) ++end;
    VITRINE_CHECK(progress.step(static_cast<double>(begin) / static_cast<double>(variants.size()), "variants"));
    const Status status = guard([&]() -> Status {
      const InferenceScope no_gradients;
      const PooledMemory pooled;
      const StreamedPass streamed(model);
      StackedRun stacked(model, run, shared, std::span(variants).subspan(begin, end - begin));
      VITRINE_CHECK(stacked.run_towers({}));
      VITRINE_CHECK(streamed.check());
      return stacked.visit(visit);
    }, ErrorCode::InvalidInput);
    VITRINE_CHECK(status);
    begin = end;
  }
  return {};
}

/// The logits of the last token out of those of all.
VariantVisitor of_last_token(const VariantVisitor& visit) {
  return [&visit](std::size_t variant, const std::map<std::string, Tensor>& outputs) {
    std::map<std::string, Tensor> asked;
    if (auto it = outputs.find("logits"); it != outputs.end()) {
      const Tensor& x = it->second;
      asked["logits"] = x.dim() == 3 ? slice(x, 1, x.size(1) - 1, x.size(1)) : x;
    }
    return visit(variant, asked);
  };
}

}  // namespace

Status sweep(const Model& model, const SweepRequest& request, const VariantVisitor& visit, const Progress& progress) {
  if (request.variants.empty()) return {};
  VITRINE_TRY(const ResolvedEdits shared, resolve_edits(model, request.edits));
  VITRINE_TRY(std::vector<Variant> others, resolve_variants(model, request));
  std::vector<Variant> joined;
  if (JoinedSweep::fits(model, request, shared)) {
    const auto taken = std::stable_partition(others.begin(), others.end(), [&](const Variant& v) { return !JoinedSweep::takes(model, v.edits); });
    joined.assign(std::make_move_iterator(taken), std::make_move_iterator(others.end()));
    others.erase(taken, others.end());
  }
  const VariantVisitor asked = request.last_token ? of_last_token(visit) : visit;
  if (!joined.empty()) {
    const Status status = guard([&]() -> Status {
      const InferenceScope no_gradients;
      JoinedSweep together(model, request, shared);
      return together.run(joined, asked, progress);
    }, ErrorCode::InvalidInput);
    VITRINE_CHECK(status);
  }
  if (others.empty()) return {};
  return sweep_stacked(model, request, shared, others, asked, progress);
}

}  // namespace vitrine::engine
