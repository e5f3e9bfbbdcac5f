#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "plugins/analyses/common.h"

namespace vitrine::plugins {

/// A sparse autoencoder of one hook: f = act((x - b_dec) W_enc + b_enc), x^ = f W_dec + b_dec.
/// Files as SAELens writes them: `cfg.json` and `sae_weights.safetensors` with W_enc [d_in, d_sae], W_dec [d_sae, d_in].
struct Sae {
  enum class Activation { Relu, TopK, JumpRelu };
  std::string hook;                    ///< "blocks.2.hook_resid_pre"
  Activation activation = Activation::Relu;
  std::int64_t d_in = 0, d_sae = 0, k = 0;
  bool subtract_b_dec = true;
  Tensor w_enc, w_dec, b_enc, b_dec, threshold;
  std::vector<double> density;         ///< [feature] from `features.json`; empty if unknown
  std::vector<std::string> strongest;  ///< [feature] the context where it is strongest; empty if unknown

  /// x [.., d_in] to activations [.., d_sae]. Throws as tensor operations do.
  [[nodiscard]] Tensor encode(const Tensor& x) const;
  [[nodiscard]] Tensor decode(const Tensor& features) const;
};

/// The autoencoder beside a model: in its folder `sae`, or in the folder itself.
/// @error FileMissing if there is none; Unsupported for a kind that is not known; ShapeMismatch
[[nodiscard]] Result<Sae> open_sae(const std::filesystem::path& model_folder);

/// sum |x - x^|^2 / sum |x - mean|^2 over rows [token, d].
[[nodiscard]] double fraction_unexplained(const Tensor& x, const Tensor& reconstruction);

}  // namespace vitrine::plugins
