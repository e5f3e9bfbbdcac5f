#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "plugins/analyses/common.h"

namespace vitrine::plugins {

/// How far values moved: sums over pairs (base, other). Pairs with a value that is not finite are counted apart.
struct WeightChange {
  std::uint64_t count = 0, not_finite = 0;
  double largest = 0;                ///< largest |other - base|
  double difference = 0, base = 0, other = 0, product = 0;   ///< sums of squares, and of base x other

  void add(std::span<const float> from, std::span<const float> to);
  void add(const WeightChange& part);
  [[nodiscard]] double rms() const;
  /// ||other - base|| / ||base||, Frobenius; NaN where the base is zero and the other is not.
  [[nodiscard]] double relative() const;
  /// Cosine of the angle between the two; NaN where one is zero.
  [[nodiscard]] double cosine() const;
  [[nodiscard]] bool identical() const { return largest == 0 && not_finite == 0; }
};

/// Change of every head of a tower, summed over the rows or columns of the projections that are its own: q, k, v (rows; of
/// the group where heads share them) and out (columns), with their biases.
struct HeadChange {
  int layer = 0, head = 0;
  WeightChange all, q, k, v, out;
};

/// One projection of a mixer in both checkpoints, row-major [rows, cols]; a bias has one column.
struct Projection {
  std::span<const float> base, other;
  std::int64_t rows = 0, cols = 0;
};

/// Adds the share of head `part` of `parts` that own equal runs of rows (or of columns).
void add_rows(WeightChange& change, const Projection& projection, int part, int parts);
void add_columns(WeightChange& change, const Projection& projection, int part, int parts);

}  // namespace vitrine::plugins
