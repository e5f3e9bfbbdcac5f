#pragma once

#include "engine/analysis/analysis.h"
#include "engine/compress/compression.h"

namespace vitrine::app {

/// Every compression as an analysis `apply_ID` with one more parameter `out`: plan, cut, export, reload, compare, time. So that the
/// window runs it like everything else: on the sweep lane, with progress, cancellable.
/// @error Usage for an id that is taken
engine::Status add_appliers(const engine::CompressionRegistry& compressions, engine::AnalysisRegistry& analyses);

}  // namespace vitrine::app
