#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/batch/executor.h"
#include "engine/batch/job.h"
#include "engine/batch/plan.h"
#include "engine/batch/store.h"
#include "engine/core/error.h"
#include "engine/core/progress.h"

namespace vitrine::engine {

struct BatchOptions {
  bool resume = false;        ///< continue the last run of this job; without it a new run is begun
  bool retry_failed = false;  ///< with resume: failed items are done again
  int workers = 1;
};

struct BatchSummary {
  std::int64_t run = 0;
  std::int64_t total = 0, done = 0, failed = 0, assertions_failed = 0;
  std::int64_t kept = 0;      ///< items that were already done when this call began
  std::vector<StoredFailure> failures;
  std::filesystem::path store, page;

  /// 0, 5 if only assertions failed, 6 if an item could not be done.
  [[nodiscard]] int exit_code() const;
};

using ExecutorFactory = std::function<Result<std::unique_ptr<JobExecutor>>()>;

/// Runs a planned job into `job.out`: results.sqlite, artefacts/, report.html.
///
/// An item is recorded in one transaction after its files are in place, so that a kill at any moment and a later
/// call with `resume` repeats no recorded item and loses none.
/// @error Cancelled (what is recorded stays); Usage if another process runs in the same folder; errors of the store
/// @thread called once; workers are its own threads, each with its own executor
[[nodiscard]] Result<BatchSummary> run_batch(const Job& job, const Plan& plan, const ExecutorFactory& executors,
                                             const BatchOptions& options, const Progress& progress = {});

}  // namespace vitrine::engine
