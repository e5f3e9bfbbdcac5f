#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

namespace vitrine::engine {

class Checkpoint;

/// A tensor of a list, without memory of its own.
struct ListedTensor {
  std::string_view name, dtype;
  std::span<const std::int64_t> shape;
  std::uint64_t offset = 0, bytes = 0;

  [[nodiscard]] std::int64_t numel() const {
    std::int64_t n = 1;
    for (auto s : shape) n *= s;
    return n;
  }
};

/// What a weights file holds, to be looked at without an object for each of a million tensors. Thread safe for reading.
class TensorList {
 public:
  virtual ~TensorList() = default;
  [[nodiscard]] virtual std::size_t size() const = 0;
  /// As number `number` of `Checkpoint::tensors`; what it refers to lives as long as the list.
  [[nodiscard]] virtual ListedTensor at(std::size_t number) const = 0;
};

/// The list that a checkpoint is. @cost nothing where it is one, else `tensors()`
[[nodiscard]] std::shared_ptr<const TensorList> tensor_list(std::shared_ptr<const Checkpoint> checkpoint);
/// The same of a checkpoint that outlives the list.
[[nodiscard]] std::shared_ptr<const TensorList> tensor_list(const Checkpoint& checkpoint);

}  // namespace vitrine::engine
