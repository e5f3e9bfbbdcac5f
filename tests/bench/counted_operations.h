#pragma once

namespace vitrine::bench {

/// Counts the operations, 2 a multiply-add, of matrix products and convolutions that libtorch really does while it is alive.
/// Convolutions: of patches, whose strides are their sides, and of one axis with a kernel for each channel.
class CountedOperations {
 public:
  CountedOperations();
  ~CountedOperations();
  CountedOperations(const CountedOperations&) = delete;
  CountedOperations& operator=(const CountedOperations&) = delete;
  [[nodiscard]] double done() const;

 private:
  unsigned long handle_ = 0;
};

}  // namespace vitrine::bench
