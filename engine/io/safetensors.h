#pragma once

#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "engine/core/dtype.h"
#include "engine/io/mapped_checkpoint.h"

namespace vitrine::engine {

/// One safetensors file. Every tensor's range is checked: inside the data, in one piece, without overlap or hole.
/// @error FileFormat, FileLimit (header above 100 MB)
[[nodiscard]] Result<MappedCheckpoint> read_safetensors(std::shared_ptr<const MappedFile> file);

/// `model.safetensors.index.json`: opens every shard it names, all of them inside its folder.
[[nodiscard]] Result<MappedCheckpoint> read_safetensors_index(const std::filesystem::path& index);

/// A tensor to be written; `values` are rounded to `dtype` (nearest even; integers by truncation towards zero).
struct TensorToWrite {
  std::string name;
  std::vector<std::int64_t> shape;
  std::span<const float> values;
  DType dtype = DType::F32;                    ///< F32, F16, BF16 or I64
  std::span<const std::int64_t> integers = {}; ///< used instead of `values` when dtype is I64 and they are given
};

/// Writes a safetensors file, every tensor aligned to its element size; whole or not at all.
/// @error ShapeMismatch, Usage (a name twice, another dtype), FileMissing
/// @cost  one pass, 1 MB of memory beside the header
[[nodiscard]] Status write_safetensors(const std::filesystem::path& path, const std::vector<TensorToWrite>& tensors,
                                       const std::vector<std::pair<std::string, std::string>>& metadata = {});

}  // namespace vitrine::engine
