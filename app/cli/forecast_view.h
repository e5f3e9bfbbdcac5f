#pragma once

#include <nlohmann/json.hpp>

#include "app/cli/context.h"
#include "engine/analysis/analysis.h"
#include "engine/core/error.h"
#include "engine/run/run.h"
#include "engine/run/workspace.h"

namespace vitrine::app {

/// What a command says that it will take, and keeps in its result.
class ForecastView {
 public:
  explicit ForecastView(std::size_t inputs = 1) : inputs_(inputs) {}

  /// Refuses what does not fit; else says, of the first input, peak and time on standard error. @error DoesNotFit
  engine::Status pass(Context& context, const engine::Model& model, const engine::RunRequest& request);
  /// Of the pass that an analysis makes, or of each of them; nothing if it makes none.
  engine::Status analysis(Context& context, const engine::AnalysisInfo& info, const engine::Workspace& workspace, const engine::EditList& edits);
  /// Of several inputs of which the outputs alone are asked for, see `run_packed`.
  engine::Status together(Context& context, const engine::Model& model, const std::vector<std::map<std::string, engine::Tensor>>& inputs, const engine::EditList& edits);
  /// Of a generation after the input.
  engine::Status generation(Context& context, const engine::Model& model, const engine::RunRequest& request, int steps);

  /// `{"peak_bytes", "time_ms"}`: the largest peak of the inputs, and the time of all. null: nothing was computed
  [[nodiscard]] nlohmann::json json() const;
  /// The same of the last input alone.
  [[nodiscard]] nlohmann::json last() const { return last_; }

 private:
  void add(Context& context, const engine::Forecast& forecast, std::size_t inputs = 1);
  std::size_t inputs_ = 1, seen_ = 0;
  bool sweeps_ = false;
  nlohmann::json last_;
  std::int64_t peak_bytes_ = 0;
  double seconds_ = 0;
};

/// "1.2 GB at most, 35 ms"
[[nodiscard]] std::string forecast_text(std::int64_t peak_bytes, double seconds);

}  // namespace vitrine::app
