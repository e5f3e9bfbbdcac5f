#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "engine/core/error.h"
#include "engine/io/checkpoint.h"
#include "engine/tensor/tensor.h"

namespace vitrine::engine {

/// Values on the host as a parity check compares them. Integers are exact up to 2^24.
struct HostTensor {
  std::vector<std::int64_t> shape;
  std::vector<float> values;
  bool integer = false;
  bool half = false;                 ///< stored in 16 bits: no better than their rounding

  [[nodiscard]] std::int64_t numel() const;
  [[nodiscard]] int axis(std::int64_t given) const;   ///< negative axes count from the end
  /// Product of the sizes before and behind an axis.
  [[nodiscard]] std::int64_t outer(int axis) const;
  [[nodiscard]] std::int64_t inner(int axis) const;
};

[[nodiscard]] HostTensor to_host(const Tensor& tensor);
[[nodiscard]] Tensor from_host(const HostTensor& tensor);
/// @error ShapeMismatch if the shapes differ
[[nodiscard]] Result<HostTensor> stack(const std::vector<HostTensor>& parts);

/// Every tensor of a file by name. @error of the reader; FileLimit above 2 GiB of values
[[nodiscard]] Result<std::map<std::string, HostTensor>> read_host_tensors(const std::filesystem::path& file);

/// What operations may need besides the tensor.
struct ParityOperands {
  const HostTensor* input_ids = nullptr;   ///< [batch, token]
  const HostTensor* mask = nullptr;        ///< [batch, token]
  std::int64_t first_patch = 0;            ///< tokens before the patches of an image
};

/// One operation of a name table: `select AXIS INDEX`, `slice AXIS BEGIN END`, `permute A B ...`, `flatten A B`, `abs`,
/// `exp`, `mean AXIS`, `std AXIS` (unbiased), `mean_all`, `logsumexp AXIS`, `normalize` (L2 over the last axis),
/// `gram` (rows against rows), `masked_mean` (over tokens that the mask keeps), `token_loss` (-log p of the next token),
/// `patches` (tokens behind CLS and registers), `nonzero` (share of entries that are not 0, axes behind the second),
/// `histogram N` (how often each of N integers occurs), `coding_rate EPS` (see the source), `squeeze` (drops a last axis of length 1).
/// @error Usage for an operation that does not exist; ShapeMismatch
[[nodiscard]] Result<HostTensor> apply_parity_op(const std::string& op, HostTensor x, const ParityOperands& operands);

}  // namespace vitrine::engine
