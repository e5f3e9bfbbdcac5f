#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <fmt/format.h>
#include <unistd.h>

#include "app/cli/commands.h"
#include "app/cli/figure_file.h"
#include "app/cli/forecast_view.h"
#include "app/cli/options.h"
#include "app/cli/program.h"
#include "engine/batch/inputs.h"
#include "engine/batch/runner.h"
#include "engine/batch/workspace_executor.h"
#include "engine/core/free_memory.h"

namespace vitrine::app {

using engine::ErrorCode;
using engine::fail;
using engine::Result;
using nlohmann::json;

namespace {

/// So few are always forecast; more only where a limit of memory or a dry run asks for it.
constexpr std::size_t kFewItems = 64;

struct BatchCommand {
  std::string job;
  engine::BatchOptions options;
  bool dry_run = false;
};

/// Draws into a file of its own and hands over the bytes.
Result<std::string> draw(const engine::Report& report, const std::string& format, double width_mm) {
  static std::atomic<int> serial{0};
  const auto path = std::filesystem::temp_directory_path() / fmt::format("vitrine-{}-{}.{}", getpid(), serial++, format);
  FigureRequest request;
  request.width_mm = width_mm;
  VITRINE_CHECK(write_figure(report, request, path));
  std::ifstream file(path, std::ios::binary);
  std::string bytes(std::istreambuf_iterator<char>(file), {});
  std::error_code ignored;
  std::filesystem::remove(path, ignored);
  return bytes;
}

std::shared_ptr<engine::JobTools> tools_of_program() {
  auto tools = std::make_shared<engine::JobTools>();
  tools->analyses = &plugins().analyses;
  if (can_draw()) tools->draw = draw;
  tools->compressions = &plugins().compressions;
  return tools;
}

/// What the items are forecast to take.
struct JobForecast {
  std::vector<json> items;           ///< `{"peak_bytes", "time_ms"}`, `{"refused"}`, or null
  std::vector<std::string> texts;
  std::int64_t peak_bytes = 0;
  double seconds = 0;
  std::optional<engine::Error> refused;   ///< the first that does not fit

  void add(const engine::PlanItem& item, const Result<std::optional<engine::ItemForecast>>& forecast) {
    if (!forecast) {
      items.push_back({{"refused", sentence(forecast.error())}});
      texts.push_back("cannot be done: " + sentence(forecast.error()));
      if (forecast.error().code == ErrorCode::DoesNotFit && !refused)
        refused = engine::Error{ErrorCode::DoesNotFit, fmt::format("item {} ({}, {}): {}", item.ordinal, item.step.id, item.input_name.empty() ? item.model : item.input_name, forecast.error().message)};
      return;
    }
    items.push_back(*forecast ? json{{"peak_bytes", (*forecast)->peak_bytes}, {"time_ms", 1e3 * (*forecast)->seconds}} : json(nullptr));
    texts.push_back(*forecast ? forecast_text((*forecast)->peak_bytes, (*forecast)->seconds) + ((*forecast)->sweeps ? " for each pass" : "") : "not forecast");
    if (!*forecast) return;
    peak_bytes = std::max(peak_bytes, (*forecast)->peak_bytes);
    seconds += (*forecast)->seconds;
  }
};

Result<JobForecast> forecast_job(Context& context, engine::JobTools& tools, const engine::Plan& plan) {
  JobForecast all;
  for (const engine::PlanItem& item : plan.items) {
    VITRINE_CHECK(context.progress().step(0, "forecasting"));
    all.add(item, engine::forecast_item(tools, item));
  }
  context.clear_progress();
  return all;
}

int print_plan(Context& context, const engine::Job& job, const engine::Plan& plan, const JobForecast& forecast) {
  json rows = json::array();
  std::string text = fmt::format("{}: {} items into {}\n", job.name, plan.items.size(), job.out.string());
  for (const engine::PlanItem& item : plan.items) {
    const std::string what = item.step.kind == engine::StepKind::Assert ? item.step.check : item.step.name;
    const std::size_t i = rows.size();
    rows.push_back({{"item", item.ordinal}, {"model", item.model}, {"input", item.input ? engine::input_item_to_json(*item.input) : json(nullptr)},
                    {"do", step_kind_name(item.step.kind)}, {"id", item.step.id}, {"what", what}, {"forecast", forecast.items[i]}});
    if (i < 200) text += fmt::format("  {:>5}  {:<8} {}  {}  {}  {}\n", item.ordinal, step_kind_name(item.step.kind), what, item.model, item.input_name, forecast.texts[i]);
  }
  if (rows.size() > 200) text += fmt::format("  ... {} more\n", rows.size() - 200);
  text += "forecast: " + forecast_text(forecast.peak_bytes, forecast.seconds) + " of passes\n";
  Envelope envelope{"batch", nullptr, json::array({job.name}), {{"dry_run", true}, {"items", rows}}, nullptr, 0};
  envelope.forecast = {{"peak_bytes", forecast.peak_bytes}, {"time_ms", 1e3 * forecast.seconds}};
  if (context.json) context.print(to_json(envelope));
  else context.print(text);
  return forecast.refused ? exit_code(ErrorCode::DoesNotFit) : 0;
}

int print_summary(Context& context, const engine::Job& job, const engine::BatchSummary& summary, double milliseconds) {
  json failures = json::array();
  for (const engine::StoredFailure& f : summary.failures) {
    failures.push_back({{"item", f.ordinal}, {"step", f.step}, {"model", f.model}, {"input", f.input}, {"code", f.code}, {"message", f.message}});
    context.note(fmt::format("vitrine: item {} ({}, {}{}{}): {}", f.ordinal, f.step, f.model, f.input.empty() ? "" : ", ", f.input, f.message));
  }
  if (context.json) {
    const json result = {{"run", summary.run}, {"items", summary.total}, {"done", summary.done}, {"failed", summary.failed},
                         {"assertions_failed", summary.assertions_failed}, {"already_done", summary.kept}, {"failures", failures},
                         {"store", summary.store.string()}, {"report", summary.page.string()}};
    context.print(to_json(Envelope{"batch", nullptr, json::array({job.name}), result, nullptr, milliseconds}));
  } else {
    context.print(fmt::format("{}: {} of {} items done, {} failed, {} assertions failed{}\n{}\n{}", job.name, summary.done, summary.total,
                              summary.failed, summary.assertions_failed,
                              summary.kept > 0 ? fmt::format(" ({} were done before)", summary.kept) : "", summary.store.string(), summary.page.string()));
  }
  return summary.exit_code();
}

Result<int> batch(Context& context, const BatchCommand& command) {
  const Stopwatch watch;
  VITRINE_TRY(const engine::Job job, engine::read_job(command.job));
  const auto tools = tools_of_program();
  VITRINE_TRY(const engine::Plan plan, engine::plan_job(job, [&](const engine::JobStep& step) { return engine::step_needs_input(*tools, step); }));
  if (command.dry_run || engine::memory_limit() > 0 || plan.items.size() <= kFewItems) {
    VITRINE_TRY(const JobForecast forecast, forecast_job(context, *tools, plan));
    if (command.dry_run) return print_plan(context, job, plan, forecast);
    if (forecast.refused) return tl::unexpected(*forecast.refused);
    context.note("forecast: " + forecast_text(forecast.peak_bytes, forecast.seconds) + " of passes");
  }
  context.kept = fmt::format("finished items are kept in {}; continue with --resume", (job.out / "results.sqlite").string());
  VITRINE_TRY(const engine::BatchSummary summary,
              engine::run_batch(job, plan, [&]() -> Result<std::unique_ptr<engine::JobExecutor>> { return engine::workspace_executor(tools); },
                                command.options, context.progress()));
  return print_summary(context, job, summary, watch.milliseconds());
}

}  // namespace

void add_batch(CLI::App& root, Context& context) {
  auto* command = root.add_subcommand("batch", "A job: models x inputs x steps into a results store and a report page");
  auto options = std::make_shared<BatchCommand>();
  command->add_option("JOB", options->job, "Job file, JSON")->required();
  auto* resume = command->add_flag("--resume", options->options.resume, "Continue the last run of this job");
  command->add_flag("--retry-failed", options->options.retry_failed, "Do failed items again")->needs(resume);
  auto* dry = command->add_flag("--dry-run", options->dry_run, "Say what would be done, and what it will take");
  command->add_option("--workers", options->options.workers, "Items done at the same time")->check(CLI::Range(1, 256));
  dry->excludes(resume);
  add_common_options(*command, context);
  command->callback([&context, options] {
    context.command_name = "batch";
    context.command = [&context, options] { return batch(context, *options); };
  });
}

}  // namespace vitrine::app
