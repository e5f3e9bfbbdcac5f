#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/core/error.h"
#include "engine/io/torch_values.h"

namespace vitrine::engine {

/// The bytes of a storage and where they lie.
struct StorageBytes {
  std::span<const std::byte> bytes;
  std::uint64_t offset = 0;     ///< of the first, in the file
  bool big_endian = false;
};

/// A sparse tensor with its zeros.
struct DenseTensor {
  std::shared_ptr<const std::vector<std::byte>> bytes;   ///< row-major, little-endian; nullptr if there is none
  std::string no_values;                                 ///< why
};

/// Checks the indices of a sparse tensor and puts its values where they say. Values of the same place are summed.
/// @param room  bytes that dense tensors and their parts may still take; what is read and made goes off. One that is larger
///              has no values
/// @error FileFormat with the byte: indices outside of the shape, not in order, or of another number than the values
/// @cost  O(indices + dense values)
/// @source torch.sparse: "coo", "csr", "csc", "bsr" and "bsc" layouts of PyTorch 2
[[nodiscard]] Result<DenseTensor> dense_of(const TorchTensor& tensor, const std::function<Result<StorageBytes>(std::size_t)>& storage,
                                           std::uint64_t& room, const std::string& file);

}  // namespace vitrine::engine
