#pragma once

#include <cstdint>
#include <vector>

#include "plugins/analyses/common.h"

namespace vitrine::plugins {

/// Rows of [start], `period` random tokens, the same ones again.
struct RepeatedTokens {
  Tensor ids;                          ///< [row, token]
  std::int64_t period = 0;
  std::int64_t start = 0;              ///< 1 if each row begins with a start token
};
/// The same seed gives the same tokens on every machine. @param start_id negative: none
[[nodiscard]] RepeatedTokens repeated_tokens(std::int64_t vocabulary, std::int64_t start_id, std::int64_t period, std::int64_t rows, std::uint64_t seed);

/// Mean attention that a head pays, over rows and queries; [layer, head], NaN where a layer has fewer heads.
/// q runs over the second half for the first two, over all tokens but the first for the others.
struct InductionScores {
  int layers = 0, heads = 0;
  std::vector<float> induction;        ///< from q to the token after q's earlier occurrence: q - period + 1
  std::vector<float> duplicate;        ///< to q's earlier occurrence: q - period
  std::vector<float> previous;         ///< to q - 1
  std::vector<float> first_token;      ///< to 0
  double loss_first = 0, loss_second = 0;   ///< nats: mean over the first half; over the second without its first token
};
/// @error Unsupported if a mixer's rows are no probabilities
[[nodiscard]] Result<InductionScores> induction_scores(const Model& model, const TowerInfo& tower, const RepeatedTokens& input, const EditList& edits, const Progress& progress);
/// Loss on the second half without its first token, nats.
[[nodiscard]] Result<double> repeat_loss(const Model& model, const RepeatedTokens& input, const EditList& edits);

}  // namespace vitrine::plugins
