#pragma once

#include <functional>

#include "engine/mixers/mixing_map.h"

namespace vitrine::engine {

/// exp(q k^T scale + bias - lse): any tile of a softmax attention pattern, exactly, from its factors.
struct AttentionFactors {
  Tensor q;      ///< [batch, head, query, d], after positions
  Tensor k;      ///< [batch, head_kv, key, d]
  Tensor v;      ///< [batch, head_kv, key, d_value]; undefined: `values` makes it
  Tensor lse;    ///< [batch, head, query]
  Tensor z;      ///< [batch, head, query, d_value]; undefined: computed as the pass did, when it is asked for
  Tensor bias;   ///< finite, broadcast to [batch, head, query, key]; undefined: none
  bool causal = false;
  double scale = 1;
  std::function<Tensor()> values{};
};
[[nodiscard]] std::shared_ptr<const MixingMap> attention_map(AttentionFactors factors);

/// A map that had to be stored, because an edit changed it. @param pattern [batch, head, query, key]
[[nodiscard]] std::shared_ptr<const MixingMap> stored_map(Tensor pattern, Tensor values, Tensor output, std::string kind, bool stochastic);

/// Maps inside windows, placed back on the whole token grid.
/// @param inner    maps with batch = image * windows, over the tokens of a window
/// @param tokens   [window, slot] flat token of the grid in each slot; padding has numbers from n_grid on
/// @param n_tokens of the grid and its padding: the rows and columns of the map
[[nodiscard]] std::shared_ptr<const MixingMap> windowed_map(std::shared_ptr<const MixingMap> inner, std::vector<std::vector<std::int64_t>> tokens,
                                                           std::int64_t n_tokens, std::int64_t n_grid);

/// [window, slot] flat token of the grid, -1 for padding, for those who want to show windows; nullptr for other maps.
[[nodiscard]] const std::vector<std::vector<std::int64_t>>* window_tokens(const MixingMap& map);
[[nodiscard]] std::shared_ptr<const MixingMap> window_inner(const MixingMap& map);

}  // namespace vitrine::engine
