#pragma once

#include <functional>
#include <optional>

#include "engine/mixers/attention_map.h"
#include "engine/mixers/mixing_map.h"
#include "engine/nn/codebook.h"
#include "engine/nn/part.h"
#include "engine/nn/rope.h"
#include "engine/tensor/attention.h"

namespace vitrine::engine {

/// What is added to the scores of one attention call, and which keys exist.
struct ScoreTerms {
  Tensor bias;              ///< [1 or batch, 1 or head, query, key], finite; undefined: none
  Tensor key_mask;          ///< [batch, key], 1: may be seen; undefined: all
  std::function<Tensor()> memory_again;   ///< makes the values' source once more, so that a map need not keep the values; or empty
  bool causal = false;
  std::int64_t window = 0;  ///< key j is visible to query i when i - window < j; 0: no limit
};

/// Multi-head attention between projections: shared by plain, cross and windowed attention.
///
/// Parameters {n_heads, n_kv_heads, d_head, bias, bias_q, bias_k, bias_v, bias_out, scale, causal, window, rope, shared_qkv,
/// qk_norm, codebook, d_memory, out}. Weights `q`, `k`, `v`, `out` (`qkv` alone if shared_qkv: arXiv:2306.01129, B.1).
/// Hooks: hook_q, hook_k, hook_v, hook_z [batch, token, head, d_head], hook_pattern [batch, head, query, key],
/// hook_attn_scores (before the softmax).
/// @source Vaswani et al. 2017, eq. 1, arXiv:1706.03762; grouped queries: arXiv:2305.13245
class AttentionCore {
 public:
  [[nodiscard]] static Result<AttentionCore> build(const nlohmann::json& params, BuildContext& context, std::string kind);

  /// @param x [batch, query, d_model]; @param memory [batch, key, d_memory]: the keys' and values' source
  /// @param map set to the mixing map of this call, if the pass captures maps
  [[nodiscard]] Tensor forward(const Tensor& x, const Tensor& memory, const ScoreTerms& terms, Pass& pass,
                               std::shared_ptr<const MixingMap>* map) const;

  [[nodiscard]] int n_heads() const { return n_heads_; }
  [[nodiscard]] bool causal() const { return causal_; }
  [[nodiscard]] std::int64_t window() const { return window_; }
  [[nodiscard]] const std::string& site() const { return site_; }
  /// @param keys that every query sees unless it is causal or has a window; cached ones too
  [[nodiscard]] PartCost cost(const PartLoad& load, std::int64_t keys) const;

 private:
  struct Heads { Tensor q, k, v; };
  [[nodiscard]] Heads project(const Tensor& x, const Tensor& memory, Pass& pass) const;
  [[nodiscard]] AttentionFactors factors(const Heads& h, const FusedAttention& fused, const Tensor& bias, const ScoreTerms& terms, const Pass& pass) const;
  [[nodiscard]] Tensor attend(const Heads& h, const ScoreTerms& terms, Pass& pass, std::shared_ptr<const MixingMap>* map) const;
  [[nodiscard]] Tensor attend_within(const Heads& h, const ScoreTerms& terms, Pass& pass) const;
  [[nodiscard]] Tensor split(const Tensor& x, int heads, int d) const;

  std::string site_;
  int n_heads_ = 0, n_kv_heads_ = 0, d_head_ = 0, d_value_ = 0;
  double scale_ = 1;
  bool causal_ = false, shared_qkv_ = false, cross_ = false;
  std::int64_t window_ = 0;
  PackedLinear q_, k_, v_, out_;
  std::optional<Rope> rope_;
  std::unique_ptr<Part> q_norm_, k_norm_;
  std::vector<Codebook> codebooks_;
  HookId hook_q_ = 0, hook_k_ = 0, hook_v_ = 0, hook_z_ = 0, hook_pattern_ = 0, hook_scores_ = 0;
};

/// `attention` (self), `cross_attention`: AttentionCore with the terms {relative_bias: {kind: "t5", buckets, max_distance,
/// bidirectional}}. `window_attention` {window, shift, pad_first}: in shifted windows with a learned relative bias table
/// (Swin, arXiv:2103.14030); weight `relative_bias` [(2w-1)^2, head].
Status register_attention(PartRegistry& registry);

/// One additive bias [1 or batch, 1 or head, query, key] out of all terms except a purely causal one, or undefined.
[[nodiscard]] Tensor dense_bias(const ScoreTerms& terms, std::int64_t queries, std::int64_t keys, DType dtype);

}  // namespace vitrine::engine
