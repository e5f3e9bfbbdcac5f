#pragma once

#include <memory>

#include "engine/io/mapped_checkpoint.h"
#include "engine/io/zip_directory.h"

namespace vitrine::engine {

/// Reads a zip archive of PyTorch (since 1.6) or TorchScript: `data.pkl` as data, storages mapped in place. Code of
/// TorchScript is listed, never run. Big-endian archives are swapped when values are read.
/// @error FileFormat, FileLimit, Unsupported, one sentence with the byte
/// @cost  reads the directory, the pickle, and the CRC of records up to 32 MB in all
[[nodiscard]] Result<MappedCheckpoint> read_torch_zip(const ZipDirectory& zip);

/// Reads the older stream of pickles: magic number, protocol, system, object, storage keys, storages.
[[nodiscard]] Result<MappedCheckpoint> read_torch_stream(std::shared_ptr<const MappedFile> file);

}  // namespace vitrine::engine
