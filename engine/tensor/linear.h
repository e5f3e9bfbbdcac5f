#pragma once

#include <memory>
#include <span>
#include <vector>

#include "engine/tensor/bf16_panels.h"
#include "engine/tensor/tensor.h"

namespace vitrine::engine {

/// y = x W^T + b with the path that was measured to be quickest on this machine.
///
/// Three paths exist: the plain operator (MKL for float32), oneDNN with the weight packed once and, for bfloat16, our own panels.
/// Which is quickest depends on processor, type and number of rows; it is asked once per shape class when first needed.
/// A weight that stays in its file (`streamed.h`) is taken part by part, and no part of it is kept. One in blocks (`in_blocks.h`) is
/// multiplied as it is.
class PackedLinear {
 public:
  PackedLinear() = default;
  /// @param weight [out, in]  @param bias [out] or undefined
  /// @param packs  whether there is memory for a second, packed copy of the weight
  PackedLinear(Tensor weight, Tensor bias, bool packs = true);

  /// @param x [..., in] -> [..., out]
  [[nodiscard]] Tensor operator()(const Tensor& x) const;
  /// The same with an activation on top, which costs no sweep of its own where the packed path is taken.
  [[nodiscard]] Tensor then(const Tensor& x, Epilogue epilogue) const;
  /// Several layers of the same input, in one sweep where they go by panels.
  [[nodiscard]] static std::vector<Tensor> together(std::span<const PackedLinear* const> layers, const Tensor& x);
  /// The plain operator, which records gradients.
  [[nodiscard]] Tensor differentiable(const Tensor& x) const;
  [[nodiscard]] const Tensor& weight() const { return weight_; }
  [[nodiscard]] const Tensor& bias() const { return bias_; }
  [[nodiscard]] bool defined() const { return weight_.defined(); }
  /// Bytes that the packed copy takes, or would once it is made.
  [[nodiscard]] std::int64_t packed_bytes() const;
  [[nodiscard]] bool packed() const;

 private:
  struct Packed;
  [[nodiscard]] Tensor part_by_part(const Tensor& x, Epilogue epilogue) const;
  [[nodiscard]] bool goes_by_blocks(const Tensor& x) const;
  [[nodiscard]] const Bf16Panels* panels_for(const Tensor& x) const;
  Tensor weight_, bias_;
  bool streamed_ = false;
  std::shared_ptr<Packed> packed_;   ///< nullptr: nothing is kept packed
};

/// Whether parts of a streamed weight are packed for that many rows, if packing is quicker for them.
[[nodiscard]] bool packs_parts(std::int64_t rows);
/// Whether that many rows go through packed weights. Measures on first use.
[[nodiscard]] bool packs_for(std::int64_t rows, DType dtype);

struct LinearTiming {
  int rows = 0;
  DType dtype = DType::F32;
  double plain_ms = 0, packed_ms = 0, panels_ms = 0;   ///< 0: not to be had
  bool packed_wins = false, panels_win = false;
};
/// What was measured so far, for the model card and `--version`.
[[nodiscard]] std::vector<LinearTiming> linear_timings();

}  // namespace vitrine::engine
