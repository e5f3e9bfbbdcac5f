#include <optional>

#include "engine/mixers/generation_map.h"
#include "engine/model/build.h"
#include "engine/run/forecast_generation.h"
#include "engine/run/forecast_memory.h"
#include "engine/run/pass.h"
#include "engine/run/run.h"
#include "engine/run/streamed_pass.h"
#include "engine/tensor/guard.h"
#include "engine/tensor/memory_pool.h"
#include "engine/tensor/ops.h"
#include "engine/tensor/wakeful_threads.h"

namespace vitrine::engine {

namespace {

/// Of models whose weights stay in their file so that little is resident. bytes
constexpr std::int64_t kIdleOfLittle = std::int64_t{14} << 20;

/// Logits of the next token, continuing `pass.cache`.
Tensor step_cached(const Model& model, RunPass& pass, const Tensor& ids, std::int64_t position, const ResolvedEdits& edits) {
  pass.inputs["input_ids"] = ids;
  pass.position = position;
  pass.outputs.clear();
  const BuiltTower& tower = model.parts().built[0];
  Tensor x = tower.stem->forward(Tensor(), pass);
  for (const auto& block : tower.blocks) if (!edits.dropped.contains(block.path)) x = run_block(block, x, pass);
  if (tower.final_norm) x = tower.final_norm->forward(x, pass);
  x = slice(pass.hook(tower.hook_final, x), 1, x.size(1) - 1, x.size(1));
  for (const auto& head : model.parts().heads) {
    if (head.output != "logits") continue;
    for (const auto& step : head.steps) x = step->forward(x, pass);
    return select(select(x, 0, 0), 0, 0);
  }
  throw std::invalid_argument("the model has no head over the vocabulary");
}

Result<Generation> generate_cached(const Model& model, const Tensor& prompt, int steps, const EditList& list, const Progress& progress, GenerationKeeps keeps) {
  VITRINE_TRY(const ResolvedEdits edits, resolve_edits(model, list));
  const RunRequest first{.inputs = {{"input_ids", prompt}}, .capture_maps = false, .keep_residuals = false};
  VITRINE_CHECK(refuse_beyond_memory(forecast_growth(model, first) + cache_bytes(model, first.inputs, steps), "a generation after this text"));
  return guard([&]() -> Result<Generation> {
    const InferenceScope no_gradients;
    Run run;
    const StreamedPass streamed(model);
    std::optional<PooledMemory> pooled;
    if (model.parts().in_file) pooled.emplace(kIdleOfLittle);
    std::optional<WakefulThreads> wakeful;   // for the small products of one token
    RunPass pass(model, edits, {}, run);
    std::map<std::string, KeyValueCache> cache;
    pass.cache = &cache;
    pass.capture_maps = keeps.maps;
    Generation out;
    Tensor ids = prompt;
    std::int64_t position = 0;
    for (int i = 0; i < steps; ++i) {
      VITRINE_CHECK(progress.step(static_cast<double>(i) / steps, "generating"));
      pass.tokens_to_come = steps - i - 1;
      if (i == 1) wakeful.emplace();
      const Tensor logits = to(step_cached(model, pass, ids, position, edits), DType::F32);
      position += ids.size(1);
      const auto next = static_cast<std::int64_t>(argmax(logits, 0).item());
      out.ids.push_back(next);
      if (keeps.logits) out.logits.push_back(logits);
      ids = Tensor::from_ints(std::vector<std::int64_t>{next}, {1, 1});
    }
    VITRINE_CHECK(streamed.check());
    if (keeps.maps)
      for (const auto& [site, kept] : cache) out.maps[site] = generation_map(kept);
    return out;
  }, ErrorCode::InvalidInput);
}

Result<Generation> generate_again(const Model& model, std::map<std::string, Tensor> inputs, int steps, const EditList& edits, const Progress& progress, GenerationKeeps keeps) {
  const bool decoder = inputs.contains("decoder_input_ids");
  const std::string name = decoder ? "decoder_input_ids" : "input_ids";
  for (const char* mask : {"attention_mask", "decoder_attention_mask"})
    if (std::string(mask).starts_with("decoder") == decoder) inputs.erase(mask);
  Generation out;
  for (int i = 0; i < steps; ++i) {
    VITRINE_CHECK(progress.step(static_cast<double>(i) / steps, "generating"));
    RunRequest request{.inputs = inputs, .edits = edits, .capture_maps = keeps.maps && i + 1 == steps, .keep_residuals = false};
    VITRINE_TRY(const auto run, run_model(model, request, progress));
    out.maps = run->maps;
    auto it = run->outputs.find("logits");
    if (it == run->outputs.end()) return fail(ErrorCode::Unsupported, "the model has no head over the vocabulary");
    VITRINE_CHECK(guard([&] {
      const Tensor logits = to(select(select(it->second, 0, 0), 0, it->second.size(1) - 1), DType::F32);
      const auto next = static_cast<std::int64_t>(argmax(logits, 0).item());
      out.ids.push_back(next);
      if (keeps.logits) out.logits.push_back(logits);
      inputs[name] = cat({inputs[name], Tensor::from_ints(std::vector<std::int64_t>{next}, {1, 1})}, 1);
    }));
  }
  return out;
}

}  // namespace

Result<Generation> generate(const Model& model, const std::map<std::string, Tensor>& inputs, int steps, const EditList& edits, const Progress& progress,
                            GenerationKeeps keeps) {
  std::map<std::string, Tensor> given = inputs;
  const auto start = model.spec().input.value("decoder_start_id", -1);
  if (start >= 0 && !given.contains("decoder_input_ids")) given["decoder_input_ids"] = Tensor::from_ints(std::vector<std::int64_t>{start}, {1, 1});
  auto ids = given.find("input_ids");
  if (ids == given.end()) return fail(ErrorCode::InvalidInput, "generation continues a text; the input has none");
  if (can_cache(model, given)) return generate_cached(model, ids->second, steps, edits, progress, keeps);
  return generate_again(model, given, steps, edits, progress, keeps);
}

}  // namespace vitrine::engine
