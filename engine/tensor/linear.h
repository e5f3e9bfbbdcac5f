#pragma once

#include <memory>

#include "engine/tensor/tensor.h"

namespace vitrine::engine {

/// What may follow a linear layer in the same sweep over its output.
enum class Epilogue { None, Gelu, GeluTanh, Relu };

/// y = x W^T + b with the path that was measured to be quickest on this machine.
///
/// Two paths exist: the plain operator (MKL for float32) and oneDNN with the weight packed once. Which is quicker
/// depends on processor, type and number of rows; it is asked once per shape class when first needed.
class PackedLinear {
 public:
  PackedLinear() = default;
  /// @param weight [out, in]  @param bias [out] or undefined
  PackedLinear(Tensor weight, Tensor bias);

  /// @param x [..., in] -> [..., out]
  [[nodiscard]] Tensor operator()(const Tensor& x) const;
  /// The same with an activation on top, which costs no sweep of its own where the packed path is taken.
  [[nodiscard]] Tensor then(const Tensor& x, Epilogue epilogue) const;
  /// The plain operator, which records gradients.
  [[nodiscard]] Tensor differentiable(const Tensor& x) const;
  [[nodiscard]] const Tensor& weight() const { return weight_; }
  [[nodiscard]] const Tensor& bias() const { return bias_; }
  [[nodiscard]] bool defined() const { return weight_.defined(); }

 private:
  struct Packed;
  Tensor weight_, bias_;
  std::shared_ptr<Packed> packed_;
};

struct LinearTiming {
  int rows = 0;
  DType dtype = DType::F32;
  double plain_ms = 0, packed_ms = 0;
  bool packed_wins = false;
};
/// What was measured so far, for the model card and `--version`.
[[nodiscard]] std::vector<LinearTiming> linear_timings();

}  // namespace vitrine::engine
