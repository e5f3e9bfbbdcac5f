#include "engine/run/run.h"

#include <algorithm>
#include <chrono>
#include <numeric>
#include <set>

#include <fmt/format.h>

#include "engine/model/build.h"
#include "engine/run/packed.h"
#include "engine/run/pass.h"
#include "engine/run/resolve.h"
#include "engine/run/streamed_pass.h"
#include "engine/run/tower_run.h"
#include "engine/tensor/guard.h"
#include "engine/tensor/memory_pool.h"
#include "engine/tensor/ops.h"

namespace vitrine::engine {
namespace {

/// What a row of several texts has to be.
Status check_segments(const Model& model, const RunRequest& request) {
  if (request.segments.empty()) return {};
  if (!can_pack(model, request.edits) || request.capture_maps || request.differentiable || request.parent || !request.upto.empty())
    return fail(ErrorCode::Unsupported, "several texts in one row need a model of plain attention, and a run that keeps neither maps nor gradients");
  const auto ids = request.inputs.find("input_ids");
  const auto sum = std::accumulate(request.segments.begin(), request.segments.end(), std::int64_t{0});
  if (ids == request.inputs.end() || ids->second.dim() != 2 || ids->second.size(0) != 1 || ids->second.size(1) != sum || *std::min_element(request.segments.begin(), request.segments.end()) < 1 ||
      request.inputs.contains("attention_mask"))
    return fail(ErrorCode::InvalidInput, fmt::format("the texts of one row have {} tokens together; input_ids must be [1, {}], and no text empty or masked", sum, sum));
  return {};
}

/// The heads on the tokens of each text.
void run_heads_of_segments(const Model& model, const RunRequest& request, RunPass& pass, const std::set<std::string>& done, Run& run) {
  const std::string& prefix = model.parts().built[0].prefix;
  const Tensor last = pass.shared.at(prefix + "last");
  std::int64_t begin = 0;
  for (const std::int64_t tokens : request.segments) {
    for (auto& [name, x] : pass.inputs) x = slice(request.inputs.at(name), 1, begin, begin + tokens);
    pass.shared[prefix + "last"] = slice(last, 1, begin, begin + tokens);
    pass.outputs = {{prefix + "last_hidden_state", pass.shared.at(prefix + "last")}};
    run_heads(model, pass, done);
    run.of_segments.push_back(pass.outputs);
    begin += tokens;
  }
  run.outputs[prefix + "last_hidden_state"] = last;
}

}  // namespace

Result<std::shared_ptr<const Run>> run_model(const Model& model, const RunRequest& request, const Progress& progress) {
  const auto begin = std::chrono::steady_clock::now();
  if (!model.cannot_run().empty()) return fail(ErrorCode::Unsupported, "the model cannot run: " + model.cannot_run());
  VITRINE_TRY(const ResolvedEdits edits, resolve_edits(model, request.edits));
  VITRINE_TRY(const std::vector<int> taps, resolve_taps(model, request.taps));
  VITRINE_CHECK(check_segments(model, request));
  VITRINE_CHECK(check_memory(model, request));
  const PooledMemory pooled;
  const StreamedPass streamed(model);
  auto run = std::make_shared<Run>();
  run->inputs = request.inputs;
  run->edits = request.edits;
  auto first = first_touched(model, edits);
  auto body = [&]() -> Status {
    RunPass pass(model, edits, taps, *run);
    pass.inputs = request.inputs;
    pass.differentiable = request.differentiable;
    pass.capture_maps = request.capture_maps;
    pass.keeps_residuals = request.keep_residuals;
    pass.segments = request.segments;
    std::set<std::string> done;
    std::set<std::string> changed;
    for (std::size_t t = 0; t < model.parts().built.size(); ++t) {
      const BuiltTower& tower = model.parts().built[t];
      if (!has_inputs(tower, model, request.inputs)) continue;
      if (!tower.memory.empty() && changed.contains(tower.memory)) first[t] = std::min(first[t], 0);
      if (first[t] < static_cast<int>(tower.blocks.size()) || edits.by_hook.contains(tower.hook_final)) changed.insert(tower.prefix);
      VITRINE_TRY(const bool finished, TowerRun(tower, request, edits, pass, *run).go(first[t], progress));
      if (!finished) break;
      done.insert(tower.prefix);
      pass.outputs[tower.prefix + "last_hidden_state"] = pass.shared.at(tower.prefix + "last");
    }
    if (done.empty() && request.upto.empty()) return fail(ErrorCode::InvalidInput, "none of the model's inputs was given");
    if (!request.segments.empty()) {
      run_heads_of_segments(model, request, pass, done, *run);
      return {};
    }
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
  VITRINE_CHECK(streamed.check());
  run->milliseconds = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
  return run;
}

}  // namespace vitrine::engine
