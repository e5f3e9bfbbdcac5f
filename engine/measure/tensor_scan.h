#pragma once

#include <bit>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "engine/core/error.h"
#include "engine/core/progress.h"
#include "engine/io/checkpoint.h"

namespace vitrine::engine {

/// A value as files store it in two bytes.
struct BFloat16 {
  std::uint16_t bits;
  explicit operator float() const { return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16); }
};

/// Moments of a stream of values; NaN and infinities are counted and left out of the rest.
struct ValueStatistics {
  std::uint64_t count = 0, zeros = 0, nan = 0, infinite = 0;
  double min = 0, max = 0, mean = 0;
  double squares = 0;                ///< sum of squared distances from the mean

  [[nodiscard]] std::uint64_t finite() const { return count - nan - infinite; }
  /// Of all finite values (divided by their number, not by one less); 0 without any.
  [[nodiscard]] double deviation() const;
  /// Takes more values in. In float64, in one pass; in two over pieces that lie so far from zero that the sum of squares would lose
  /// more than ten bits.
  void add(std::span<const float> values);
  void add(std::span<const BFloat16> values);
  /// Takes in what was found in other values (Chan, Golub and LeVeque 1979).
  void join(const ValueStatistics& other);
};

/// Counts of finite values in equal bins over [lo, hi]; the last bin holds hi.
struct Histogram {
  double lo = 0, hi = 0;
  std::vector<double> counts;
  Histogram(double from, double to, int bins) : lo(from), hi(to), counts(static_cast<std::size_t>(bins), 0.0) {}
  void add(std::span<const float> values);
};

/// A rectangle of values out of a tensor: where its rows and columns step, in values of the row-major tensor.
/// A tensor of one axis is one row; a single value is one cell.
struct SliceView {
  std::int64_t rows = 1, cols = 1;
  std::int64_t offset = 0, row_step = 0, col_step = 1;
  std::vector<int> axes;             ///< of the tensor that rows and columns run along: two, one or none
};

/// Reads "0,:,:": one entry an axis, a whole number (below 0: from the end) or ":" for at most two of them. Empty: the
/// last two axes, the others at 0.
/// @error Usage naming what does not fit
[[nodiscard]] Result<SliceView> slice_of(const std::vector<std::int64_t>& shape, const std::string& text);
/// The text that `slice_of` reads, with every axis: "0,:,:".
[[nodiscard]] std::string slice_text(const std::vector<std::int64_t>& shape, const SliceView& view);

/// Hands over all values of a tensor in order, about a million at a time. @cost one pass, 4 MB of memory
Status for_each_piece(const Checkpoint& file, const TensorEntry& entry, const Progress& progress,
                      const std::function<void(std::span<const float>)>& take);
/// The same for a rectangle: rows [r0, r1) and columns [c0, c1) of the view, row by row; `take` gets row, first column
/// and values, a row in pieces where it is long.
Status for_each_row(const Checkpoint& file, const TensorEntry& entry, const SliceView& view, std::int64_t r0, std::int64_t r1,
                    std::int64_t c0, std::int64_t c1, const Progress& progress,
                    const std::function<void(std::int64_t, std::int64_t, std::span<const float>)>& take);

/// Blocks of `pool` x `pool` cells, each shown by its value farthest from zero, so that no single cell is lost.
/// NaN only where nothing in the block is a number.
struct PooledGrid {
  std::int64_t rows = 0, cols = 0, pool = 1, first_row = 0, first_col = 0;
  std::vector<float> values;
  PooledGrid(std::int64_t r0, std::int64_t r1, std::int64_t c0, std::int64_t c1, std::int64_t block);
  void add(std::int64_t row, std::int64_t col, std::span<const float> values);
};

}  // namespace vitrine::engine
