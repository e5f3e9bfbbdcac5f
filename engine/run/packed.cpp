#include "engine/run/packed.h"

#include <algorithm>
#include <cstdint>

#include "engine/model/build.h"
#include "engine/run/plain_tower.h"
#include "engine/tensor/guard.h"
#include "engine/tensor/ops.h"

namespace vitrine::engine {

namespace {

/// Tokens of one row: what a block makes of them stays within the caches that cores share.
constexpr std::int64_t kTokens = 2048;

using Inputs = std::map<std::string, Tensor>;

/// One text without padding: a mask hides none of its tokens.
bool can_lie_in_a_row(const Inputs& text) {
  return text.contains("input_ids") && std::all_of(text.begin(), text.end(), [](const auto& named) {
    const auto& [name, x] = named;
    if (x.dim() != 2 || x.size(0) != 1) return false;
    if (name != "attention_mask") return name == "input_ids" || name == "token_type_ids";
    const auto mask = x.to_ints();
    return std::all_of(mask.begin(), mask.end(), [](std::int64_t seen) { return seen == 1; });
  });
}

/// The input after the last that goes into one row with `begin`.
std::size_t end_of_row(const std::vector<Inputs>& inputs, std::size_t begin) {
  std::size_t end = begin;
  for (std::int64_t tokens = 0; end < inputs.size() && can_lie_in_a_row(inputs[end]); ++end) {
    tokens += inputs[end].at("input_ids").size(1);
    if (end > begin && (tokens > kTokens || inputs[end].contains("token_type_ids") != inputs[begin].contains("token_type_ids"))) break;
  }
  return std::max(end, begin + 1);
}

/// The inputs of one pass, and the first that is not among them.
struct Row {
  RunRequest request;
  std::size_t end = 0;
};

/// As many from `begin` on as go into one row that fits into memory.
Result<Row> row_from(const Model& model, const std::vector<Inputs>& inputs, std::size_t begin, bool packs) {
  Row row{{.inputs = inputs[begin], .capture_maps = false, .keep_residuals = false}, begin + 1};
  const std::size_t end = packs ? end_of_row(inputs, begin) : begin + 1;
  if (end == begin + 1) return row;
  VITRINE_TRY(RunRequest together, guard([&] { return packed_request({inputs.begin() + static_cast<std::ptrdiff_t>(begin), inputs.begin() + static_cast<std::ptrdiff_t>(end)}); }));
  if (!check_memory(model, together)) return row;
  return Row{std::move(together), end};
}

}  // namespace

bool can_pack(const Model& model, const EditList& edits) {
  if (!is_plain_tower(model, true)) return false;
  const PartSpec& stem = model.spec().towers[0].stem;
  if (stem.part != "token_embedding" || param_or<std::string>(stem.params, "ids", "input_ids") != "input_ids") return false;
  const nlohmann::json positions = stem.params.value("positions", nlohmann::json::object());
  if (param_or<std::string>(positions, "from", "index") == "ids") return false;
  for (const auto& head : model.parts().heads)
    for (const auto& step : head.steps) if (step->mixes_batch()) return false;
  return std::all_of(edits.begin(), edits.end(), [](const Edit& edit) { return row_by_row(edit) && edit.op != EditOp::Subsample && edit.tokens.empty() && edit.value.size() <= 1; });
}

RunRequest packed_request(const std::vector<std::map<std::string, Tensor>>& texts) {
  RunRequest request{.capture_maps = false, .keep_residuals = false};
  std::map<std::string, std::vector<Tensor>> rows;
  for (const auto& text : texts) {
    for (const auto& [name, x] : text)
      if (name != "attention_mask") rows[name].push_back(x);
    const std::int64_t tokens = text.at("input_ids").size(1);
    rows["position_ids"].push_back(unsqueeze(arange(tokens), 0));
    request.segments.push_back(tokens);
  }
  for (const auto& [name, parts] : rows) request.inputs[name] = cat(parts, 1);
  return request;
}

Status run_packed(const Model& model, const std::vector<Inputs>& inputs, const EditList& edits,
                  const std::function<Status(const PackedText&)>& visit, const Progress& progress) {
  const bool packs = can_pack(model, edits);
  for (std::size_t begin = 0; begin < inputs.size();) {
    VITRINE_CHECK(progress.step(static_cast<double>(begin) / static_cast<double>(inputs.size()), "inputs"));
    VITRINE_TRY(Row row, row_from(model, inputs, begin, packs));
    auto& [request, end] = row;
    request.edits = edits;
    VITRINE_TRY(const auto run, run_model(model, request, progress.silent()));
    const std::size_t together = end - begin;
    double tokens = 0;
    for (const std::int64_t n : request.segments) tokens += static_cast<double>(n);
    for (std::size_t i = 0; i < together; ++i) {
      const double share = together == 1 ? 1 : static_cast<double>(request.segments[i]) / tokens;
      VITRINE_CHECK(visit({begin + i, together, together == 1 ? run->outputs : run->of_segments[i], run->milliseconds * share, run->blocks_computed}));
    }
    begin = end;
  }
  return {};
}

Result<Forecast> forecast_packed(const Model& model, const std::vector<Inputs>& inputs, const EditList& edits) {
  const bool packs = can_pack(model, edits);
  Forecast all;
  for (std::size_t begin = 0; begin < inputs.size();) {
    VITRINE_TRY(const Row row, row_from(model, inputs, begin, packs));
    VITRINE_CHECK(check_memory(model, row.request));
    VITRINE_TRY(const Forecast one, forecast(model, row.request));
    const double flops = all.flops + one.flops, seconds = all.seconds + one.seconds;
    if (one.peak_bytes > all.peak_bytes) all = one;
    all.flops = flops;
    all.seconds = seconds;
    begin = row.end;
  }
  return all;
}

Result<std::vector<Inputs>> run_packed(const Model& model, const std::vector<Inputs>& inputs, const EditList& edits, const Progress& progress) {
  std::vector<Inputs> all;
  VITRINE_CHECK(run_packed(model, inputs, edits, [&](const PackedText& text) {
    all.push_back(text.outputs);
    return Status{};
  }, progress));
  return all;
}

}  // namespace vitrine::engine
