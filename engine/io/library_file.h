#pragma once

#include <filesystem>

#include "engine/core/error.h"

namespace vitrine::engine {

/// Checks by its first bytes that a file is a shared library of this machine's class, byte order and processor, with its
/// program headers inside the file. Nothing is loaded.
/// @error FileFormat with the byte that is wrong; Unsupported for another processor
[[nodiscard]] Status check_library_file(const std::filesystem::path& path);

}  // namespace vitrine::engine
