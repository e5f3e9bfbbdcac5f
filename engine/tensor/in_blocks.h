#pragma once

#include <memory>
#include <span>
#include <vector>

#include "engine/tensor/block_matrix.h"
#include "engine/tensor/tensor.h"

namespace vitrine::engine {

/// A quantised matrix as a tensor [out, in] that takes no memory of its own. Products (`PackedLinear`) and look-ups (`embedding`)
/// read the blocks; every other operation sees its values, which are unfolded for as long as it takes.
/// @param dtype of the values that it stands for, F32 or BF16
[[nodiscard]] Tensor in_blocks(std::shared_ptr<const BlockMatrix> matrix, DType dtype);
/// nullptr if the tensor has values of its own.
[[nodiscard]] const BlockMatrix* blocks_of(const Tensor& x);
/// The tensor itself, or its values where it is in blocks: for what would unfold it several times.
[[nodiscard]] Tensor plain(const Tensor& x);

/// Rows of a matrix in blocks by their numbers. @param ids any shape -> [ids..., in]
[[nodiscard]] Tensor rows_in_blocks(const Tensor& table, const Tensor& ids);
/// x W^T of each matrix, in one sweep. @param x [..., in], float32 or bfloat16 -> [..., out] of its type
[[nodiscard]] std::vector<Tensor> multiply_in_blocks(std::span<const BlockMatrix* const> matrices, const Tensor& x);

}  // namespace vitrine::engine
