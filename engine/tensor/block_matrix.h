#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "engine/io/codec.h"
#include "engine/tensor/block_kernels.h"

namespace vitrine::engine {

/// A matrix [out, in] whose rows are blocks of a quantised file, left where the file has them.
///
/// Products unfold a few blocks at a time: for few rows of input (decoding) in registers, for many into panels of outputs that stay
/// in the second-level cache while all rows pass. Inputs stay float32; a product is that of the unfolded matrix up to rounding.
class BlockMatrix {
 public:
  /// @param codec  of GGUF; its blocks hold 32, 64 or 256 values and lie within rows of `in` values
  /// @param order  rows of the file in the order of the matrix; empty: all of them as they lie
  /// @param owner  keeps the blocks alive
  BlockMatrix(const Codec& codec, std::span<const std::byte> blocks, std::int64_t in, std::vector<std::int32_t> order, std::shared_ptr<const void> owner);

  [[nodiscard]] std::int64_t out() const { return out_; }
  [[nodiscard]] std::int64_t in() const { return in_; }
  /// What the file has of it, more than `out` rows where `order` leaves some out.
  [[nodiscard]] std::span<const std::byte> blocks() const { return blocks_; }
  /// One row as float32. @param to [in]
  void unfold_row(std::int64_t row, float* to) const;
  /// The whole matrix as float32, on all threads. @param to [out, in]
  void unfold(float* to) const;

  struct Job {
    const BlockMatrix* matrix;
    float* y;                        ///< [row, out]
  };
  /// y = x W^T of matrices that are multiplied by the same input, on all threads. @param x [rows, in]
  static void multiply(std::span<const Job> jobs, const float* x, std::int64_t rows);

 private:
  struct Part;
  [[nodiscard]] const std::uint8_t* row(std::int64_t number) const;
  static void multiply_few(std::span<const Job> jobs, const float* x, std::int64_t rows);
  static void multiply_many(std::span<const Job> jobs, const float* x, std::int64_t rows);
  void dot_rows(const Part& part, const float* x, float* y) const;
  void multiply_panels(const Part& part, const float* x, float* y) const;
  void fill_panel(std::int64_t first, std::int64_t outputs, std::int64_t begin, std::int64_t count, float* panel) const;

  const Codec& codec_;
  BlockFormat format_;
  std::span<const std::byte> blocks_;
  std::int64_t out_, in_, row_bytes_;
  std::vector<std::int32_t> order_;
  std::shared_ptr<const void> owner_;
};

}  // namespace vitrine::engine
