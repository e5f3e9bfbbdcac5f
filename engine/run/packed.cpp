#include "engine/run/packed.h"

#include <algorithm>

#include "engine/model/build.h"
#include "engine/run/plain_tower.h"
#include "engine/tensor/guard.h"
#include "engine/tensor/ops.h"

namespace vitrine::engine {

namespace {

/// Tokens of one row: what a block makes of them stays within the caches that cores share.
constexpr std::int64_t kTokens = 2048;

bool can_lie_in_a_row(const std::map<std::string, Tensor>& text) {
  return std::all_of(text.begin(), text.end(), [](const auto& named) {
    const auto& [name, x] = named;
    return (name == "input_ids" || name == "token_type_ids") && x.dim() == 2 && x.size(0) == 1;
  }) && text.contains("input_ids");
}

bool have_same_names(const std::map<std::string, Tensor>& a, const std::map<std::string, Tensor>& b) { return a.contains("token_type_ids") == b.contains("token_type_ids"); }

}  // namespace

bool can_pack(const Model& model, const EditList& edits) {
  if (!is_plain_tower(model, true)) return false;
  const PartSpec& stem = model.spec().towers[0].stem;
  if (stem.part != "token_embedding" || param_or<std::string>(stem.params, "ids", "input_ids") != "input_ids") return false;
  const nlohmann::json positions = stem.params.value("positions", nlohmann::json::object());
  if (param_or<std::string>(positions, "from", "index") == "ids") return false;
  for (const auto& head : model.parts().heads)
    for (const auto& step : head.steps) if (step->mixes_batch()) return false;
  return std::all_of(edits.begin(), edits.end(), [](const Edit& edit) { return row_by_row(edit) && edit.tokens.empty() && edit.value.size() <= 1; });
}

RunRequest packed_request(const std::vector<std::map<std::string, Tensor>>& texts) {
  RunRequest request{.capture_maps = false, .keep_residuals = false};
  std::map<std::string, std::vector<Tensor>> rows;
  for (const auto& text : texts) {
    for (const auto& [name, x] : text) rows[name].push_back(x);
    const std::int64_t tokens = text.at("input_ids").size(1);
    rows["position_ids"].push_back(unsqueeze(arange(tokens), 0));
    request.segments.push_back(tokens);
  }
  for (const auto& [name, parts] : rows) request.inputs[name] = cat(parts, 1);
  return request;
}

Result<std::vector<std::map<std::string, Tensor>>> run_packed(const Model& model, const std::vector<std::map<std::string, Tensor>>& texts,
                                                             const EditList& edits, const Progress& progress) {
  const bool packs = can_pack(model, edits);
  std::vector<std::map<std::string, Tensor>> all;
  for (std::size_t begin = 0; begin < texts.size();) {
    VITRINE_CHECK(progress.step(static_cast<double>(begin) / static_cast<double>(texts.size()), "inputs"));
    std::size_t end = begin;
    std::int64_t tokens = 0;
    while (packs && end < texts.size() && can_lie_in_a_row(texts[end]) && have_same_names(texts[begin], texts[end])) {
      const std::int64_t more = texts[end].at("input_ids").size(1);
      if (end > begin && tokens + more > kTokens) break;
      tokens += more;
      ++end;
    }
    if (end <= begin + 1) {
      VITRINE_TRY(const auto run, run_model(model, {.inputs = texts[begin], .edits = edits, .capture_maps = false, .keep_residuals = false}));
      all.push_back(run->outputs);
      ++begin;
      continue;
    }
    VITRINE_TRY(RunRequest request, guard([&] { return packed_request({texts.begin() + static_cast<std::ptrdiff_t>(begin), texts.begin() + static_cast<std::ptrdiff_t>(end)}); }));
    request.edits = edits;
    VITRINE_TRY(const auto run, run_model(model, request));
    all.insert(all.end(), run->of_segments.begin(), run->of_segments.end());
    begin = end;
  }
  return all;
}

}  // namespace vitrine::engine
