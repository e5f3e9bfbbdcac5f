#pragma once

#include <chrono>
#include <filesystem>

#include "engine/core/error.h"
#include "engine/core/progress.h"
#include "engine/plugin/frame.h"

namespace vitrine::engine {

/// Asks a fresh worker process one question about the library of a C plugin, and ends it.
///
/// @param request {"do": "describe"} or {"do": "run", ...}; see plugins/sdk/worker.cpp
/// @param limit after which the process is killed
/// @error Unsupported with what the plugin did (ended by a signal, hung, wrote nonsense), or its own message;
///        Cancelled if `progress` was cancelled
/// @cost one process, about 2 ms
[[nodiscard]] Result<Frame> ask_worker(const std::filesystem::path& library, Frame request,
                                       std::chrono::milliseconds limit, const Progress& progress = {});

}  // namespace vitrine::engine
