#pragma once

#include "engine/core/dtype.h"

namespace vitrine::engine {

/// What this computer reaches, each measured when it is first asked for.

/// Operations of a linear layer, 2 a multiply-add.
[[nodiscard]] double linear_flops_per_second(DType dtype);
/// Exponentials of float32.
[[nodiscard]] double exponentials_per_second();
/// Bytes read from memory by all cores.
[[nodiscard]] double memory_bytes_per_second();

}  // namespace vitrine::engine
