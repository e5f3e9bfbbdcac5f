#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "engine/batch/plan.h"
#include "engine/core/error.h"
#include "engine/core/progress.h"
#include "engine/report/report.h"

namespace vitrine::engine {

/// A number of the results. `layer`, `head` and `position` are absent where they mean nothing.
struct MetricRow {
  std::string name;                   ///< "step.metric"
  std::optional<std::int64_t> layer, head, position;
  double value = 0;
  friend bool operator==(const MetricRow&, const MetricRow&) = default;
};

/// A file that an item made. `bytes` are written by the runner, atomically, before the item counts as done.
struct NewArtefact {
  std::string name;                   ///< file name, made unique by the runner: "attention.svg"
  std::string kind;                   ///< "report", "figure", "model"
  std::string bytes;                  ///< empty for a folder that the executor wrote itself under `place`
  std::string place;                  ///< relative to the results folder; empty: the runner chooses
};

struct ItemOutcome {
  std::vector<MetricRow> metrics;
  std::vector<NewArtefact> artefacts;
  std::string primary;                ///< metric that "step[L.H]" means: "step.array"
  Verified verified;
  double timing_ms = 0;
};

/// Does the work of items. One per worker; used from that worker's thread only.
class JobExecutor {
 public:
  virtual ~JobExecutor() = default;
  /// @param out_folder results folder, for work that writes a folder itself
  [[nodiscard]] virtual Result<ItemOutcome> run(const PlanItem& item, const std::filesystem::path& out_folder,
                                                const Progress& progress) = 0;
};

/// Numbers of a report as rows: every metric, and every array whose axes are among layer, head and one more.
/// Larger arrays stay in the report file.
[[nodiscard]] std::vector<MetricRow> metric_rows(const std::string& step, const Report& report);

}  // namespace vitrine::engine
