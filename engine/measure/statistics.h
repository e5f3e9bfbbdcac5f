#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace vitrine::engine {

/// Shannon entropy in nats of a distribution; zeros count nothing.
[[nodiscard]] double entropy(std::span<const float> p);

/// KL(p || q) in nats from log-probabilities of equal length.
[[nodiscard]] double kl_divergence(std::span<const double> log_p, std::span<const double> log_q);

/// Jensen-Shannon divergence in nats.
[[nodiscard]] double js_divergence(std::span<const double> log_p, std::span<const double> log_q);

/// log softmax in double precision.
[[nodiscard]] std::vector<double> log_softmax_of(std::span<const float> logits);

/// Indices of the k largest values, largest first, ties by index.
[[nodiscard]] std::vector<std::int64_t> top_indices(std::span<const float> values, std::int64_t k);

/// 1-based rank of `index` among the values, largest first.
[[nodiscard]] std::int64_t rank_of(std::span<const float> values, std::int64_t index);

/// Spearman rank correlation; ties get their mean rank.
[[nodiscard]] double spearman(std::span<const double> a, std::span<const double> b);

/// Principal components of rows.
struct Pca {
  std::vector<float> projected;        ///< [row, component]
  std::vector<double> explained;       ///< share of the variance per component
};
/// @param rows [n, width], row-major; centred here. Throws what libtorch throws. @cost one thin SVD in float64
[[nodiscard]] Pca principal_components(std::span<const float> rows, std::int64_t n, std::int64_t width, int components);

}  // namespace vitrine::engine
