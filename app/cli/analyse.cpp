#include <filesystem>

#include <fmt/format.h>

#include "app/cli/commands.h"
#include "app/cli/forecast_view.h"
#include "app/cli/options.h"
#include "app/cli/program.h"
#include "app/cli/report_text.h"
#include "engine/batch/inputs.h"
#include "engine/io/json.h"
#include "engine/io/report_csv.h"
#include "engine/io/report_json.h"

namespace vitrine::app {

using engine::ErrorCode;
using engine::fail;
using engine::Report;
using engine::Result;
using nlohmann::json;

namespace {

struct AnalyseOptions {
  std::string name, model, edits, out, dtype = "fp32";
  std::vector<std::string> settings;
  InputOptions input;
};

/// Where the report of one of several inputs goes: "heads.csv" -> "heads.2.csv".
std::filesystem::path numbered(const std::filesystem::path& path, std::size_t index, std::size_t count) {
  if (count == 1) return path;
  std::filesystem::path name = path.stem();
  name += fmt::format(".{}", index);
  name += path.extension();
  return path.parent_path() / name;
}

engine::Status write_report(const std::filesystem::path& path, const Report& report, const Envelope& envelope) {
  if (path.extension() == ".csv") return engine::write_report_csv(path, report);
  return engine::write_file_atomically(path, to_json(envelope).dump(2, ' ', false, json::error_handler_t::replace) + "\n");
}

Result<int> analyse(Context& context, const AnalyseOptions& options) {
  VITRINE_TRY(const auto* found, plugins().analyses.get(options.name));
  const engine::Analysis& analysis = **found;
  if (const auto ending = std::filesystem::path(options.out).extension(); !options.out.empty() && ending != ".json" && ending != ".csv")
    return fail(ErrorCode::Usage, fmt::format("expected --out with the ending .json or .csv, came '{}'", options.out));
  VITRINE_TRY(const json params, engine::params_from_pairs(analysis.info(), options.settings));
  VITRINE_TRY(const engine::EditList edits, edits_of(options.edits));
  VITRINE_TRY(auto items, items_of(options.input));
  VITRINE_TRY(const auto model, open_model_of(context, options.model, options.dtype, true));
  VITRINE_CHECK(check_needs(analysis.info(), *model, !items.empty()));
  engine::Workspace workspace(model);
  const std::size_t count = std::max<std::size_t>(1, items.size());
  json envelopes = json::array();
  ForecastView forecasts(count);
  for (std::size_t i = 0; i < count; ++i) {
    const Stopwatch watch;
    if (!items.empty()) VITRINE_CHECK(workspace.set_input(items[i]));
    VITRINE_CHECK(forecasts.analysis(context, analysis.info(), workspace, edits));
    engine::AnalysisRequest request{workspace, edits, params, context.progress(), {}};
    VITRINE_TRY(const Report report, analysis.run(request));
    Envelope envelope{"analyse", model_json(*model), json::array(), engine::report_to_json(report), verified_json(report.verified), 0};
    if (!items.empty()) envelope.inputs.push_back(engine::input_item_to_json(items[i]));
    envelope.timing_ms = watch.milliseconds();
    envelope.forecast = forecasts.last();
    if (!options.out.empty()) {
      const auto path = numbered(options.out, i, count);
      VITRINE_CHECK(write_report(path, report, envelope));
      context.kept = fmt::format("{} of {} reports are written", i + 1, count);
      if (!context.json) context.print(fmt::format("wrote {}", path.string()));
    } else if (!context.json) {
      context.print(report_text(report));
    }
    if (context.json) envelopes.push_back(to_json(envelope));
  }
  if (context.json) context.print(count == 1 ? json(envelopes[0]) : envelopes);
  return 0;
}

}  // namespace

void add_analyse(CLI::App& root, Context& context) {
  auto* command = root.add_subcommand("analyse", "Any registered analysis; `vitrine list analyses` names them");
  command->alias("analyze");
  auto options = std::make_shared<AnalyseOptions>();
  command->add_option("NAME", options->name, "Analysis, as `vitrine list analyses` names it")->required();
  command->add_option("MODEL", options->model, kModelHelp)->required();
  add_input_options(*command, options->input);
  add_repeated(*command, "--set", options->settings, "A parameter of the analysis")->type_name("k=v");
  command->add_option("--edit", options->edits, "Interventions: JSON, a file, or head:5.1=zero,mlp:3=mean");
  command->add_option("--dtype", options->dtype)->check(CLI::IsMember({"fp32", "bf16"}));
  command->add_option("--out", options->out, "Write the report: .json or .csv");
  add_common_options(*command, context);
  command->callback([&context, options] {
    context.command_name = "analyse";
    context.command = [&context, options] { return analyse(context, *options); };
  });
}

}  // namespace vitrine::app
