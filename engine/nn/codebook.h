#pragma once

#include "engine/nn/part.h"

namespace vitrine::engine {

/// A codebook bottleneck: the activation is replaced by the mean of its k nearest codes.
///
/// score_i = LN(a) . c_i / |c_i|, the k best codes, output their mean. The paper sums (arXiv:2310.17230, section 2);
/// the released code averages and normalises the input first, and that is what is computed here. Choosing has no
/// gradient; a differentiable pass hands the output's on to the input unchanged (straight-through), as in training.
/// Weights `codes` [codes, d], `ln.weight`, `ln.bias` [d]. Hooks: `hook_in` [batch, token, d_model],
/// `hook_scores` [batch, token, k] (of the k best codes, best first; an edit of them changes nothing), `hook_margin`
/// [batch, token] (k-th best score less the next one; likewise), `hook_codes`
/// [batch, token, k] (int64, best first; an edit may force them), `hook_out`.
class Codebook {
 public:
  /// @param context.path "blocks.2.codebook.0"
  [[nodiscard]] static Result<Codebook> build(const nlohmann::json& params, int width, int head, BuildContext& context);
  /// @param x [batch, token, width]
  [[nodiscard]] Tensor apply(const Tensor& x, Pass& pass) const;
  /// Of the scores of so many rows against every code.
  [[nodiscard]] double flops(double rows) const { return 2 * rows * static_cast<double>(codes_.numel()); }
  [[nodiscard]] std::int64_t codes() const { return codes_.size(0); }
  [[nodiscard]] std::int64_t width() const { return codes_.size(1); }

 private:
  [[nodiscard]] Tensor margin(const Tensor& scores) const;
  Tensor codes_, unit_codes_, ln_weight_, ln_bias_;
  double ln_eps_ = 1e-5;
  int k_ = 1;
  HookId hook_in_ = 0, hook_scores_ = 0, hook_codes_ = 0, hook_margin_ = 0, hook_out_ = 0;
};

/// "blocks.2.mlp" -> "blocks.2.codebook.<ordinal>"
[[nodiscard]] std::string codebook_path(const std::string& sublayer_path, int ordinal);

/// `codebook` {codes, k, ordinal, ln_eps}: a codebook on the whole width of a sublayer's output.
Status register_codebook(PartRegistry& registry);

}  // namespace vitrine::engine
