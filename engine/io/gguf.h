#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/io/mapped_checkpoint.h"

namespace vitrine::engine {

/// A GGUF file, version 2 or 3, little-endian. Parts of a split model beside it are opened with it. Metadata keys are
/// those of the file (numbers, strings, booleans, lists), and `GGUF.version`. Shapes are row-major.
/// @error FileFormat, FileLimit
[[nodiscard]] Result<MappedCheckpoint> read_gguf(std::shared_ptr<const MappedFile> file);

/// Whether the hyperparameters and vocabulary in the metadata go together with each other and with the tensors.
/// @return warnings for what a model can live with
/// @error FileFormat naming the key
[[nodiscard]] Result<std::vector<std::string>> check_gguf_metadata(const nlohmann::json& metadata,
                                                                   const std::vector<TensorEntry>& tensors);

}  // namespace vitrine::engine
