#pragma once

#include <string>
#include <vector>

#include "engine/run/edit.h"
#include "engine/tensor/tensor.h"

namespace vitrine::engine {

/// The tensor of a hook as an edit leaves it.
///
/// @param axes names of x's axes; the edit's heads select along "head", tokens along "token" or "query", neurons along the last
///   axis ("neuron", "d_model"). An axis that is not selected is taken whole.
/// @note  Mean without a given value uses the mean over batch and token of this very tensor.
/// Throws std::invalid_argument if the edit selects what the tensor does not have.
[[nodiscard]] Tensor apply_edit(const Tensor& x, const std::vector<std::string>& axes, const Edit& edit);

}  // namespace vitrine::engine
