#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "engine/batch/assertion.h"
#include "engine/batch/executor.h"
#include "engine/batch/plan.h"
#include "engine/core/error.h"

namespace vitrine::engine {

/// State of an item in the store.
struct StoredItem {
  std::int64_t id = 0, ordinal = 0;
  std::string status;                ///< "planned", "done", "failed"
  std::string key;
};

struct StoredFailure {
  std::int64_t ordinal = 0;
  std::string step, model, input, code, message;
};

struct StoredArtefact {
  std::int64_t ordinal = 0;
  std::string name, kind, path;      ///< relative to the results folder
};

/// The results store: one SQLite file, `results.sqlite`. The schema is in README.md.
/// Every change is one transaction, so a kill at any moment leaves whole items only. Thread safe.
class ResultsStore {
 public:
  /// Opens or creates. @error FileFormat if the file is something else or of another schema version; FileMissing
  [[nodiscard]] static Result<std::unique_ptr<ResultsStore>> open(const std::filesystem::path& path);
  ~ResultsStore();

  /// Starts a run with all items of the plan as "planned".
  Result<std::int64_t> begin_run(const Job& job, const Plan& plan, int workers);
  /// The last run of this very job and plan. @error InvalidInput if the last run belongs to another job or its
  /// inputs have changed; returns 0 if there is none
  Result<std::int64_t> find_run(const Job& job, const Plan& plan);
  Status end_run(std::int64_t run, const std::string& status);
  /// Makes failed items "planned" again.
  Status forget_failures(std::int64_t run);

  Result<std::vector<StoredItem>> items(std::int64_t run);
  Status record(std::int64_t run, const PlanItem& item, const ItemOutcome& outcome,
                const std::vector<StoredArtefact>& artefacts);
  Status record_failure(std::int64_t run, const PlanItem& item, const Error& error);

  /// Values that a reference means for an item's model and input (its group, then the model's own group).
  Result<std::vector<double>> lookup(std::int64_t run, const PlanItem& item, const MetricRef& ref);

  Result<std::vector<StoredFailure>> failures(std::int64_t run);
  Result<std::vector<StoredArtefact>> artefacts(std::int64_t run);
  Result<std::vector<MetricRow>> metrics(std::int64_t run, std::int64_t ordinal, std::int64_t limit);

 private:
  struct State;
  explicit ResultsStore(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace vitrine::engine
