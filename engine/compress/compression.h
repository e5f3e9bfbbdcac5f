#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "engine/analysis/analysis.h"
#include "engine/run/edit.h"

namespace vitrine::engine {

/// What a compression wants to take away, as interventions that can be looked at before anything is changed.
struct CompressionPlan {
  EditList edits;
  Report report;      ///< what was chosen and why
};

/// A way to make a model smaller. Stateless.
class Compression {
 public:
  virtual ~Compression() = default;
  [[nodiscard]] virtual const AnalysisInfo& info() const = 0;
  /// Chooses; nothing is changed yet. The edits in the request are already in force and belong to the plan.
  [[nodiscard]] virtual Result<CompressionPlan> plan(const AnalysisRequest& request) const = 0;
};

using CompressionRegistry = Registry<std::shared_ptr<const Compression>>;

/// Plan, apply, export, reload, compare with the masked model, time. Writes `folder` (a MODEL with `report.json`).
/// @return the report of `verify_export`, with the plan's tables after it
[[nodiscard]] Result<Report> compress_to(const Compression& method, const AnalysisRequest& request, const std::filesystem::path& folder);

}  // namespace vitrine::engine
