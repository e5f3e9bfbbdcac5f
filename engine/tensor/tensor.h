#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/core/dtype.h"
#include "engine/core/error.h"

namespace vitrine::engine {

using Shape = std::vector<std::int64_t>;

/// A handle to a libtorch tensor, without libtorch's headers: copying shares the data.
/// Operations live in `engine/tensor/ops.h`; they throw on misuse, and `guard` turns that into an Error.
class Tensor {
 public:
  struct Box;                                           ///< holds the at::Tensor; see engine/tensor/aten.h
  Tensor() = default;
  explicit Tensor(std::shared_ptr<const Box> box) : box_(std::move(box)) {}

  [[nodiscard]] bool defined() const { return box_ != nullptr; }
  explicit operator bool() const { return defined(); }
  [[nodiscard]] int dim() const;
  [[nodiscard]] std::int64_t size(int axis) const;      ///< negative axes count from the end
  [[nodiscard]] Shape shape() const;
  [[nodiscard]] std::int64_t numel() const;
  [[nodiscard]] DType dtype() const;
  [[nodiscard]] std::int64_t bytes() const { return numel() * byte_size(dtype()); }
  [[nodiscard]] bool on_cpu() const;

  /// Copies to the host as float32, row-major.
  [[nodiscard]] std::vector<float> to_floats() const;
  [[nodiscard]] std::vector<std::int64_t> to_ints() const;
  /// The only element of a one-element tensor.
  [[nodiscard]] double item() const;

  /// Copies host values in.
  static Tensor from_floats(std::span<const float> values, const Shape& shape);
  static Tensor from_ints(std::span<const std::int64_t> values, const Shape& shape);
  /// Uninitialised contiguous memory on the CPU; `data` is valid until the tensor is gone.
  static Tensor empty(const Shape& shape, DType dtype = DType::F32);
  [[nodiscard]] float* data_f32() const;                ///< contiguous CPU float32 only
  /// First byte of the data: equal for handles that share it (tied weights).
  [[nodiscard]] const void* data_id() const;
  [[nodiscard]] const std::shared_ptr<const Box>& box() const { return box_; }

 private:
  std::shared_ptr<const Box> box_;
};

/// "[2, 4, 12, 12]"
[[nodiscard]] std::string shape_text(const Shape& shape);

}  // namespace vitrine::engine
