#pragma once

#include "engine/tensor/tensor.h"

namespace vitrine::engine {

/// `more` after `held` along axis 2, [a, b, row, d]: keys and values of a generation, which get a row at every step.
///
/// The result may have room behind it. If `held` is the newest result with room enough, the rows are written there and nothing is
/// copied; views of earlier results stay as they are. Else both are copied, once in `room` rows or more.
/// @param room rows to be left free behind the result when memory is taken anew; 0: none, a plain tensor
/// @cost O(rows of more) mostly
Tensor append_rows(const Tensor& held, const Tensor& more, std::int64_t room);

}  // namespace vitrine::engine
