#include "engine/batch/workspace_executor.h"

#include <chrono>

#include <fmt/format.h>

#include "engine/io/report_json.h"
#include "engine/run/workspace.h"

namespace vitrine::engine {

namespace {

class WorkspaceExecutor final : public JobExecutor {
 public:
  explicit WorkspaceExecutor(std::shared_ptr<JobTools> tools) : tools_(std::move(tools)) {}

  Result<ItemOutcome> run(const PlanItem& item, const std::filesystem::path& out_folder,
                          const Progress& progress) override {
    const auto begin = std::chrono::steady_clock::now();
    VITRINE_CHECK(enter(item, progress));
    ItemOutcome outcome;
    Report report;
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
      VITRINE_TRY(auto model, model(item.model, progress));
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

  Result<std::shared_ptr<const Model>> model(const std::string& name, const Progress& progress) {
    std::lock_guard lock(tools_->mutex);
    auto& model = tools_->models[name];
    if (!model) {
      VITRINE_TRY(model, open_model(name, {}, progress));
    }
    return model;
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
