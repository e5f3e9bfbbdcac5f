#pragma once

#include <memory>

#include "engine/io/mapped_checkpoint.h"
#include "engine/io/zip_directory.h"

namespace vitrine::engine {

/// Reads an npz archive: one tensor for each member NAME.npy. Objects are refused.
/// @error FileFormat, FileLimit (96 MB inflated in all), Unsupported, with the byte
[[nodiscard]] Result<MappedCheckpoint> read_npz(const ZipDirectory& zip);

/// Reads a npy file as one tensor named "array".
[[nodiscard]] Result<MappedCheckpoint> read_npy_tensor(std::shared_ptr<const MappedFile> file);

}  // namespace vitrine::engine
