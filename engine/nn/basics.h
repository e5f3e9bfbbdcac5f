#pragma once

#include <functional>
#include <string>

#include "engine/nn/part.h"

namespace vitrine::engine {

using Activation = std::function<Tensor(const Tensor&)>;

/// By the names of Hugging Face configurations: gelu (erf), gelu_new (tanh), quick_gelu, relu, silu, ...
/// @error Unsupported naming the activation
[[nodiscard]] Result<Activation> activation(const std::string& name);
/// The same on top of a linear layer, or None where that is not to be had.
[[nodiscard]] Epilogue epilogue_of(const std::string& name);

/// layer_norm {eps, bias, width, affine}, rms_norm {eps, weight_offset, width}, layer_scale {}, linear {out, bias, act},
/// constant {bias}: a bias, or zeros.
Status register_basics(PartRegistry& registry);

}  // namespace vitrine::engine
