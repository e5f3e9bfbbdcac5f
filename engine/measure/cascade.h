#pragma once

#include <string>
#include <vector>

#include "engine/measure/device.h"
#include "engine/nn/part_cost.h"

namespace vitrine::engine {

/// Work that goes on at one time: a stage waits for the one before it.
struct Stage {
  double matrix_flops = 0;           ///< products of matrices
  double vector_flops = 0;           ///< on each value, without exponentials
  double exponentials = 0;
  double bytes = 0;                  ///< from and to memory
};

/// One way to compute a mixer's formula: a cascade of Einsums, some of them fused.
///
/// A pass is a sweep over all keys of a query that must end before the next can begin; whatever a later pass needs again must lie on
/// the chip for all keys, or go through memory.
/// @source FuseMax: Nayak et al. 2024, arXiv:2406.10491 (passes of a cascade; three, two and one for softmax attention)
struct Cascade {
  std::string name;
  int passes = 1;
  std::vector<Stage> stages;
  double on_chip = 0;                ///< bytes that it needs there, so that nothing in between goes through memory
  bool fits = true;                  ///< they are there

  [[nodiscard]] Stage total() const;
};

/// The ways that are known for a mixer, slowest first.
///
/// Softmax: every step through memory (3 passes), a row of scores on the chip (3 passes as FLAT, 2 passes with local maxima), and the
/// running maximum (1 pass, FlashAttention-2 and FuseMax, division after the product with the values). Scan: states through memory,
/// or on the chip (arXiv:2312.00752, 3.3.2); 1 pass both.
/// @param value_bytes of one element  @param on_chip bytes that the cores share
[[nodiscard]] std::vector<Cascade> cascades_of(const Mixing& mixing, double value_bytes, double on_chip);

/// How long a cascade takes at best, each stage as long as its slowest resource, and what holds it back.
struct Attained {
  double seconds = 0;
  double arithmetic_seconds = 0;     ///< the same where memory costs nothing
  /// Share of the time that the unit which does most of the arithmetic is busy: at most 1.
  double utilisation = 0;
  std::string bound;                 ///< "matrix", "vector", "exponentials" or "memory"
};
[[nodiscard]] Attained attained(const Cascade& cascade, const Device& device, Precision precision);

}  // namespace vitrine::engine
