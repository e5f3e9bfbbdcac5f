#pragma once

#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "engine/core/error.h"
#include "engine/tensor/tensor.h"

namespace vitrine::engine {

/// Rotary position embedding (arXiv:2104.09864).
///
/// Two pairings exist: halves (j with j + dims/2) and neighbours (2j with 2j + 1).
/// Scalings, by the `rope_type` of Hugging Face configurations: default, linear, dynamic, llama3, yarn, longrope.
class Rope {
 public:
  /// @param params {dims, base, pairing: "half" | "neighbour", scaling: {rope_type, factor, ...}, max_positions}
  /// @error Unsupported for an unknown scaling
  [[nodiscard]] static Result<Rope> from_json(const nlohmann::json& params, int d_head);
  /// @param x [batch, head, token, d_head]; @param positions [token] or [batch, token], int64
  [[nodiscard]] Tensor apply(const Tensor& x, const Tensor& positions) const;

 private:
  /// Angular frequencies for a sequence of `length` tokens (dynamic and longrope depend on it).
  [[nodiscard]] std::vector<double> frequencies(std::int64_t length) const;

  int dims_ = 0;
  bool neighbour_ = false;
  double base_ = 10000, attention_factor_ = 1;
  enum class Scaling { None, Linear, Dynamic, Llama3, Yarn, LongRope } scaling_ = Scaling::None;
  double factor_ = 1, low_freq_factor_ = 1, high_freq_factor_ = 4, beta_fast_ = 32, beta_slow_ = 1;
  double original_max_ = 0, max_positions_ = 0;
  bool truncate_ = true;
  std::vector<double> short_factor_, long_factor_;
};

}  // namespace vitrine::engine
