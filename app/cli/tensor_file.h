#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "engine/core/error.h"
#include "engine/tensor/tensor.h"

namespace vitrine::app {

/// Writes named tensors by the ending of the file: .safetensors, .npz or .json (values nested by axis). Whole or not at all.
/// @error Usage for another ending; FileMissing; DoesNotFit for an .npz above 4 GB
[[nodiscard]] engine::Status write_tensors(const std::filesystem::path& path,
                                           const std::map<std::string, engine::Tensor>& tensors);

/// One tensor as .npy, .safetensors (named `map`) or .csv (rows x columns).
[[nodiscard]] engine::Status write_matrix(const std::filesystem::path& path, const engine::Tensor& matrix);

}  // namespace vitrine::app
