#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <fmt/format.h>
#include <unistd.h>

#include "app/cli/commands.h"
#include "app/cli/figure_file.h"
#include "app/cli/options.h"
#include "app/cli/program.h"
#include "engine/batch/inputs.h"
#include "engine/batch/runner.h"
#include "engine/batch/workspace_executor.h"

namespace vitrine::app {

using engine::ErrorCode;
using engine::fail;
using engine::Result;
using nlohmann::json;

namespace {

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

int print_plan(Context& context, const engine::Job& job, const engine::Plan& plan) {
  json rows = json::array();
  std::string text = fmt::format("{}: {} items into {}\n", job.name, plan.items.size(), job.out.string());
  for (const engine::PlanItem& item : plan.items) {
    const std::string what = item.step.kind == engine::StepKind::Assert ? item.step.check : item.step.name;
    rows.push_back({{"item", item.ordinal}, {"model", item.model}, {"input", item.input ? engine::input_item_to_json(*item.input) : json(nullptr)},
                    {"do", step_kind_name(item.step.kind)}, {"id", item.step.id}, {"what", what}});
    if (rows.size() <= 200) text += fmt::format("  {:>5}  {:<8} {}  {}  {}\n", item.ordinal, step_kind_name(item.step.kind), what, item.model, item.input_name);
  }
  if (rows.size() > 200) text += fmt::format("  ... {} more\n", rows.size() - 200);
  if (context.json)
    context.print(to_json(Envelope{"batch", nullptr, json::array({job.name}), {{"dry_run", true}, {"items", rows}}, nullptr, 0}));
  else
    context.print(text);
  return 0;
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
  if (command.dry_run) return print_plan(context, job, plan);
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
  auto* dry = command->add_flag("--dry-run", options->dry_run, "Say what would be done");
  command->add_option("--workers", options->options.workers, "Items done at the same time")->check(CLI::Range(1, 256));
  dry->excludes(resume);
  add_common_options(*command, context);
  command->callback([&context, options] {
    context.command_name = "batch";
    context.command = [&context, options] { return batch(context, *options); };
  });
}

}  // namespace vitrine::app
