#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>

#include "engine/tensor/tensor.h"

namespace vitrine::engine {

/// Weights that stay in their mapped file, because memory would not hold them.
///
/// A thread reads ahead what was used next the last time (at first: what was added next) while a layer computes, and gives back the
/// pages of what is done with. What is resident is bounded whatever the file's size. Thread safe.
class WeightStream {
 public:
  /// Pages of the file in this process at most, and what a product needs besides. bytes
  static constexpr std::int64_t kMostResident = std::int64_t{112} << 20, kMostScratch = std::int64_t{64} << 20;
  /// What `for_each_part` gives at a time. bytes as float32
  static constexpr std::int64_t kMostPart = std::int64_t{32} << 20;

  WeightStream();
  ~WeightStream();
  WeightStream(const WeightStream&) = delete;
  WeightStream& operator=(const WeightStream&) = delete;

  /// Values where the file has them: a tensor that takes no memory of its own. It and views of it are never to be written to.
  /// @param values of a mapping for reading alone: their pages are given back, and must come again with the same bytes
  /// @param dtype  F32, F16 or BF16; `values` is aligned for it
  /// @param owner  keeps the mapping alive as long as the tensor or a view of it
  [[nodiscard]] Tensor add(std::span<const std::byte> values, DType dtype, const Shape& shape, std::shared_ptr<const void> owner);
  /// Of all that were added.
  [[nodiscard]] std::int64_t bytes() const;
  /// Gives everything back, also what was read without `for_each_part`.
  void rest();

  struct State;

 private:
  std::shared_ptr<State> state_;
};

/// Whether the tensor, or what it is a view of, was added to a stream.
[[nodiscard]] bool is_streamed(const Tensor& x);

/// Calls `f(part, axis, begin, end)` on a streamed matrix, a slice along one axis after the other, in the order of the file. Parts
/// have at most 32 MB as float32. Of a matrix that is smaller there is one part.
/// @cost one pass over the pages of the matrix
void for_each_part(const Tensor& matrix, const std::function<void(const Tensor& part, int axis, std::int64_t begin, std::int64_t end)>& f);

/// Rows of a streamed table by their numbers.
/// @param ids any shape -> [ids..., width]
[[nodiscard]] Tensor streamed_rows(const Tensor& table, const Tensor& ids);

}  // namespace vitrine::engine
