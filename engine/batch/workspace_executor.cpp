#include "engine/batch/workspace_executor.h"

#include <chrono>

#include <fmt/format.h>

#include "engine/io/report_json.h"
#include "engine/run/forecast_memory.h"
#include "engine/run/input.h"
#include "engine/run/workspace.h"

namespace vitrine::engine {

namespace {

Result<std::shared_ptr<const Model>> shared_model(JobTools& tools, const std::string& name, const Progress& progress) {
  std::lock_guard lock(tools.mutex);
  auto& model = tools.models[name];
  if (!model) {
    VITRINE_TRY(model, open_model(name, {}, progress));
  }
  return model;
}

/// Whether the item is a pass over its input, and more.
Result<bool> needs_pass(const JobTools& tools, const PlanItem& item) {
  if (!item.input || item.step.kind == StepKind::Compress || item.step.kind == StepKind::Assert) return false;
  VITRINE_TRY(const auto* found, tools.analyses->get(item.step.name));
  return (*found)->info().needs_pass;
}

class WorkspaceExecutor final : public JobExecutor {
 public:
  explicit WorkspaceExecutor(std::shared_ptr<JobTools> tools) : tools_(std::move(tools)) {}

  Result<ItemOutcome> run(const PlanItem& item, const std::filesystem::path& out_folder,
                          const Progress& progress) override {
    const auto begin = std::chrono::steady_clock::now();
    VITRINE_CHECK(enter(item, progress));
    ItemOutcome outcome;
    Report report;
    VITRINE_TRY(const std::optional<ItemForecast> forecast, forecast_here(item));
    if (item.step.kind == StepKind::Compress) {
      VITRINE_TRY(const auto* method, tools_->compressions->get(item.step.name));
      VITRINE_TRY(const auto params, check_params((*method)->info(), item.step.params));
      const std::string place = fmt::format("artefacts/models/{:06}_{}", item.ordinal, item.step.id);
      VITRINE_TRY(report, compress_to(**method, {*workspace_, item.step.edits, params, progress.silent(), {}}, out_folder / place));
      outcome.artefacts.push_back({item.step.id, "model", {}, place});
    } else {
      VITRINE_TRY(report, analyse(item, progress));
    }
    VITRINE_CHECK(draw(item, report, outcome));
    outcome.metrics = metric_rows(item.step.id, report);
    if (forecast) {
      outcome.metrics.push_back({item.step.id + ".forecast_peak_bytes", {}, {}, {}, static_cast<double>(forecast->peak_bytes)});
      outcome.metrics.push_back({item.step.id + ".forecast_ms", {}, {}, {}, 1e3 * forecast->seconds});
    }
    if (!report.arrays.empty()) outcome.primary = item.step.id + "." + report.arrays.front().name;
    outcome.verified = report.verified;
    outcome.artefacts.push_back({item.step.id + ".json", "report", report_json(report), {}});
    outcome.timing_ms = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
    return outcome;
  }

 private:
  /// Makes `workspace_` hold the model and the input of the item.
  Status enter(const PlanItem& item, const Progress& progress) {
    if (!workspace_ || model_name_ != item.model) {
      VITRINE_TRY(auto model, shared_model(*tools_, item.model, progress));
      workspace_ = std::make_unique<Workspace>(std::move(model));
      model_name_ = item.model;
      input_.reset();
    }
    if (item.input && input_ != item.input) {
      input_.reset();
      VITRINE_CHECK(workspace_->set_input(*item.input));
      input_ = item.input;
    }
    return {};
  }

  /// Of the model and input that are there; none where the item makes no pass over an input.
  Result<std::optional<ItemForecast>> forecast_here(const PlanItem& item) {
    VITRINE_TRY(const bool passes, needs_pass(*tools_, item));
    if (!passes) return std::nullopt;
    VITRINE_TRY(const Forecast f, engine::forecast(workspace_->model(), {.inputs = workspace_->input().tensors, .edits = item.step.edits}));
    return ItemForecast{f.peak_bytes, f.seconds};
  }

  Result<Report> analyse(const PlanItem& item, const Progress& progress) {
    VITRINE_TRY(const auto* found, tools_->analyses->get(item.step.name));
    const Analysis& analysis = **found;
    if (analysis.info().needs_codebooks && workspace_->model().codebooks().empty())
      return fail(ErrorCode::InvalidInput, fmt::format("expected a model with codebooks, came {}", item.model));
    VITRINE_TRY(const auto params, check_params(analysis.info(), item.step.params));
    // The progress of a whole job is counted in items; an analysis is only asked to stop.
    return analysis.run({*workspace_, item.step.edits, params, progress.silent(), {}});
  }

  Status draw(const PlanItem& item, const Report& report, ItemOutcome& outcome) {
    if (item.step.kind != StepKind::Figure) return {};
    if (!tools_->draw) return fail(ErrorCode::Unsupported, "expected a build with the window to draw a figure, came one without");
    VITRINE_TRY(std::string bytes, tools_->draw(report, item.step.format, item.step.width_mm));
    outcome.artefacts.push_back({item.step.id + "." + item.step.format, "figure", std::move(bytes), {}});
    return {};
  }

  std::shared_ptr<JobTools> tools_;
  std::unique_ptr<Workspace> workspace_;
  std::string model_name_;
  std::optional<InputItem> input_;
};

}  // namespace

Result<std::optional<ItemForecast>> forecast_item(JobTools& tools, const PlanItem& item) {
  if (item.step.kind == StepKind::Assert || item.step.kind == StepKind::Compress) return std::nullopt;
  VITRINE_TRY(const auto model, shared_model(tools, item.model, {}));
  if (!model->cannot_run().empty()) return std::nullopt;
  VITRINE_TRY(const auto* analysis, tools.analyses->get(item.step.name));
  if (!(*analysis)->info().needs_pass) return ItemForecast{forecast_memory(*model, {.capture_maps = false, .keep_residuals = false}).peak_bytes};
  if (!item.input) return std::nullopt;
  VITRINE_TRY(const PreparedInput input, prepare(*model, *item.input));
  const RunRequest request{.inputs = input.tensors, .edits = item.step.edits};
  VITRINE_CHECK(check_memory(*model, request));
  VITRINE_TRY(const Forecast f, forecast(*model, request));
  return ItemForecast{f.peak_bytes, f.seconds, (*analysis)->info().slow};
}

Result<bool> step_needs_input(const JobTools& tools, const JobStep& step) {
  if (step.kind == StepKind::Compress) {
    VITRINE_TRY(const auto* method, tools.compressions->get(step.name));
    if (auto params = check_params((*method)->info(), step.params); !params)
      return fail(ErrorCode::InvalidInput, fmt::format("{}: {}", step.id, params.error().message));
    return false;
  }
  if (step.kind == StepKind::Figure && !tools.draw)
    return fail(ErrorCode::Unsupported, "expected a build with the window to draw a figure, came one without");
  VITRINE_TRY(const auto* found, tools.analyses->get(step.name));
  auto params = check_params((*found)->info(), step.params);
  if (!params) return fail(ErrorCode::InvalidInput, fmt::format("{}: {}", step.id, params.error().message));
  return (*found)->info().needs_input;
}

std::unique_ptr<JobExecutor> workspace_executor(std::shared_ptr<JobTools> tools) {
  return std::make_unique<WorkspaceExecutor>(std::move(tools));
}

}  // namespace vitrine::engine
