#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "engine/core/error.h"
#include "engine/io/codec.h"
#include "engine/io/pickle_value.h"

namespace vitrine::engine {

/// A storage that a pickle refers to by its key.
struct TorchStorage {
  std::string key;
  const Codec* codec = nullptr;       ///< nullptr: untyped, counted in bytes
  std::uint64_t count = 0;
  std::uint64_t at = 0;               ///< byte of the reference, for messages

  [[nodiscard]] std::uint64_t bytes() const { return count * (codec == nullptr ? 1 : codec->block_bytes); }
};

struct TorchSparse;

/// A view of a storage, checked to lie inside it; of a sparse tensor its values are.
struct TorchTensor {
  std::size_t storage = 0;            ///< index in `TorchValues::storages`
  const Codec* codec = nullptr;
  std::vector<std::int64_t> shape;
  std::vector<std::int64_t> strides;  ///< in values; empty if row-major without holes
  std::uint64_t first = 0;            ///< value of the storage
  std::uint64_t reach = 0;            ///< values of the storage from the first to the last
  std::string no_values;
  std::shared_ptr<const TorchSparse> sparse;
};

/// The parts of a sparse tensor: places and the values at them.
struct TorchSparse {
  std::string layout;                 ///< "coo", "csr", "csc", "bsr", "bsc"
  std::vector<TorchTensor> indices;   ///< of "coo" one [axes, values], else bounds of lines and places in them
  TorchTensor values;
  std::uint64_t at = 0;               ///< byte of the call, for messages
};

/// What a pickle of PyTorch says.
struct TorchValues {
  std::vector<TorchStorage> storages;
  std::vector<std::pair<std::string, TorchTensor>> tensors;   ///< dotted names; tied tensors under each name
  /// The part of the names before a model's own: "model.", "state_dict.module.", empty if there is none.
  std::string wrapper;
  nlohmann::json leaves = nlohmann::json::object();           ///< the first thousand plain values by dotted name
  std::vector<std::string> warnings;
};

/// Finds storages, tensors and their names in a pickle. Calls are data: `torch._utils._rebuild_tensor_v2` and its
/// kin are understood, all others stay named nodes with a warning.
/// @param file, base  for messages
/// @error FileFormat, FileLimit, Unsupported with the byte of the opcode
[[nodiscard]] Result<TorchValues> read_torch_values(const PickleDocument& pickle, const std::string& file,
                                                    std::uint64_t base, bool torchscript);

/// One warning for each class or function that the pickle names and that is not understood.
[[nodiscard]] std::vector<std::string> foreign_names(const PickleDocument& pickle, bool torchscript);

}  // namespace vitrine::engine
