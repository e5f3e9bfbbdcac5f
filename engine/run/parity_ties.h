#pragma once

#include <vector>

#include "engine/core/progress.h"
#include "engine/model/model.h"
#include "engine/run/evaluate.h"

namespace vitrine::engine {

/// Losses of the tokens of an evaluation set, and which of them follow a choice of codes that rounding decides.
struct TokenLosses {
  std::vector<float> nll;            ///< [window, token - 1], nats
  std::vector<char> open;            ///< 1: the k-th code of this or an earlier token was ahead by less than kNearTie
  std::int64_t near_ties = 0;        ///< such choices
};

/// Scores are sums of some hundred products of unit size: their float32 rounding differs by about this with the order of sums.
inline constexpr double kNearTie = 5e-6;

/// @error Unsupported for a set that is not of windows of tokens
[[nodiscard]] Result<TokenLosses> token_losses(const Model& model, const EvalSet& set, const Progress& progress);

}  // namespace vitrine::engine
