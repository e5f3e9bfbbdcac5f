#pragma once

#include <string>

#include "engine/run/parity.h"
#include "engine/run/parity_tensor.h"

namespace vitrine::engine {

/// How one tensor is compared.
struct ParityRule {
  double atol = 1e-4;
  const HostTensor* mask = nullptr;   ///< [batch, token], 0: a row that is not part of the contract
  int token_axis = -1;                ///< axis that the mask speaks of, -1: none
  bool counts = false;                ///< how often codes were chosen: near ties may move one choice in a thousand
  bool first_of_heads = false;        ///< the dump may hold only the first entries of axis 1 as well
};

/// Fills state, difference, tolerance and note of a row.
///
/// Shapes with equal numbers of values are the same tensor; a dump may hold only the first entries of axis 0. Values
/// above 100 are allowed 1e-5 of their size besides `atol`, which is float32's own rounding after a few hundred
/// additions. Integers must be equal; a value that is not finite never passes.
void compare_parity(const HostTensor& expected, HostTensor ours, const ParityRule& rule, ParityRow& row);

}  // namespace vitrine::engine
