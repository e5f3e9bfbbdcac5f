#include "engine/run/parity_ties.h"

#include <algorithm>

#include "engine/run/run.h"
#include "engine/tensor/guard.h"
#include "engine/tensor/ops.h"

namespace vitrine::engine {

Result<TokenLosses> token_losses(const Model& model, const EvalSet& set, const Progress& progress) {
  if (set.task != EvalSet::Task::LanguageModel) return fail(ErrorCode::Unsupported, "expected windows of tokens, came another kind of set");
  constexpr std::int64_t kChunk = 8;
  TokenLosses out;
  const std::int64_t items = set.items(), tokens = set.input_ids.size(1);
  for (std::int64_t i = 0; i < items; i += kChunk) {
    VITRINE_CHECK(progress.step(static_cast<double>(i) / static_cast<double>(items), "near ties"));
    RunRequest request{.capture_maps = false, .keep_residuals = false};
    for (const CodebookInfo& book : model.codebooks()) request.taps.push_back(book.site + ".hook_margin");
    VITRINE_CHECK(guard([&] { request.inputs["input_ids"] = slice(set.input_ids, 0, i, std::min(items, i + kChunk)); }));
    VITRINE_TRY(const auto run, run_model(model, request));
    VITRINE_CHECK(guard([&] {
      const Tensor ids = request.inputs["input_ids"], logits = run->outputs.at("logits");
      const std::int64_t rows = ids.size(0), n = rows * (tokens - 1);
      const auto nll = cross_entropy(reshape(slice(logits, 1, 0, tokens - 1), {n, logits.size(2)}), reshape(slice(ids, 1, 1, tokens), {n})).to_floats();
      out.nll.insert(out.nll.end(), nll.begin(), nll.end());
      std::vector<char> near(static_cast<std::size_t>(rows * tokens), 0);
      for (const auto& [site, margin] : run->taps) {
        const auto values = margin.to_floats();
        for (std::size_t t = 0; t < values.size(); ++t)
          if (values[t] < kNearTie) { near[t] = 1; ++out.near_ties; }
      }
      for (std::int64_t row = 0; row < rows; ++row) {
        bool open = false;
        for (std::int64_t t = 0; t + 1 < tokens; ++t) out.open.push_back(open |= near[static_cast<std::size_t>(row * tokens + t)] != 0);
      }
    }));
  }
  return out;
}

}  // namespace vitrine::engine
