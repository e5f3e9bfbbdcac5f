#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "engine/analysis/analysis.h"
#include "engine/batch/executor.h"
#include "engine/compress/compression.h"
#include "engine/model/model.h"

namespace vitrine::engine {

/// Draws a report: bytes of an SVG, PDF or PNG file. Handed in by the application, which knows a toolkit.
using FigureFunction = std::function<Result<std::string>(const Report&, const std::string& format, double width_mm)>;

/// What all workers of a job share. The opened models are shared; each worker has its own workspaces.
struct JobTools {
  const AnalysisRegistry* analyses = nullptr;
  const CompressionRegistry* compressions = nullptr;
  FigureFunction draw;               ///< empty: figure steps are refused

  std::mutex mutex;
  std::map<std::string, std::shared_ptr<const Model>> models;
};

/// What an item is forecast to take: a pass over its model and input; of what looks at the file alone, the model.
struct ItemForecast {
  std::int64_t peak_bytes = 0;
  double seconds = 0;
  bool sweeps = false;               ///< many passes, of which this is one
};
/// Opens the model, which stays open for the job. None of compressions, assertions and passes over a model's evaluation set.
/// @error DoesNotFit with what is missing; those of opening and preparing
[[nodiscard]] Result<std::optional<ItemForecast>> forecast_item(JobTools& tools, const PlanItem& item);

/// Whether a step needs an input; refuses unknown analyses, wrong parameters, and figures where nothing can draw.
[[nodiscard]] Result<bool> step_needs_input(const JobTools& tools, const JobStep& step);

/// Does steps with the engine: opens models once, keeps the workspace of the last model and input.
[[nodiscard]] std::unique_ptr<JobExecutor> workspace_executor(std::shared_ptr<JobTools> tools);

}  // namespace vitrine::engine
