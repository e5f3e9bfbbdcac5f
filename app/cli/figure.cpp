#include <algorithm>

#include <fmt/format.h>

#include "app/cli/commands.h"
#include "app/cli/figure_file.h"
#include "app/cli/forecast_view.h"
#include "app/cli/options.h"
#include "app/cli/program.h"
#include "engine/batch/inputs.h"

namespace vitrine::app {

using engine::ErrorCode;
using engine::fail;
using engine::Report;
using engine::Result;
using nlohmann::json;

namespace {

struct FigureOptions {
  std::string view, model, edits, out;
  std::vector<std::string> settings;
  FigureRequest figure;
  InputOptions input;
};

Result<int> figure(Context& context, FigureOptions options) {
  const Stopwatch watch;
  if (!can_draw())
    return fail(ErrorCode::Unsupported, "expected a build with the window to draw a figure, came one without");
  const std::string ending = std::filesystem::path(options.out).extension().string();
  if (ending != ".svg" && ending != ".pdf" && ending != ".png")
    return fail(ErrorCode::Usage, fmt::format("expected --out with the ending .svg, .pdf or .png, came '{}'", options.out));
  VITRINE_TRY(const auto* found, plugins().analyses.get(options.view));
  const engine::Analysis& analysis = **found;
  // A setting is the analysis' own first; what it does not know is about the drawing.
  std::vector<std::string> params;
  for (const std::string& pair : options.settings) {
    const std::string key = pair.substr(0, pair.find('='));
    const auto& known = analysis.info().params;
    const bool own = std::any_of(known.begin(), known.end(), [&](const auto& p) { return p.name == key; });
    const auto drawing = figure_settings();
    const bool drawn = std::find(drawing.begin(), drawing.end(), key) != drawing.end();
    (own || !drawn ? params : options.figure.settings).push_back(pair);
  }
  VITRINE_TRY(const json checked, engine::params_from_pairs(analysis.info(), params));
  VITRINE_TRY(const engine::EditList edits, edits_of(options.edits));
  VITRINE_TRY(const auto items, items_of(options.input));
  if (items.size() > 1) return fail(ErrorCode::Usage, fmt::format("expected one input, came {}", items.size()));
  VITRINE_TRY(const auto model, open_model_of(context, options.model, "fp32", true));
  VITRINE_CHECK(check_needs(analysis.info(), *model, !items.empty()));
  engine::Workspace workspace(model);
  if (!items.empty()) VITRINE_CHECK(workspace.set_input(items.front()));
  ForecastView forecast;
  VITRINE_CHECK(forecast.analysis(context, analysis.info(), workspace, edits));
  engine::AnalysisRequest request{workspace, edits, checked, context.progress(), {}};
  VITRINE_TRY(const Report report, analysis.run(request));
  VITRINE_CHECK(write_figure(report, options.figure, options.out));
  Envelope envelope{"figure", model_json(*model), json::array(), {{"view", options.view}, {"written", options.out}, {"width_mm", options.figure.width_mm}},
                    verified_json(report.verified), watch.milliseconds(), forecast.json()};
  if (!items.empty()) envelope.inputs.push_back(engine::input_item_to_json(items.front()));
  if (context.json) context.print(to_json(envelope));
  else context.print(fmt::format("wrote {}", options.out));
  return 0;
}

}  // namespace

void add_figure(CLI::App& root, Context& context) {
  auto* command = root.add_subcommand("figure", "The same figure as on the screen, as SVG, PDF or PNG");
  auto options = std::make_shared<FigureOptions>();
  command->add_option("VIEW", options->view, "Analysis that is drawn, as `vitrine list views` names it")->required();
  command->add_option("MODEL", options->model, kModelHelp)->required();
  add_input_options(*command, options->input);
  add_repeated(*command, "--set", options->settings, "A parameter of the analysis or of the drawing")->type_name("k=v");
  command->add_option("--edit", options->edits, "Interventions: JSON, a file, or head:5.1=zero,mlp:3=mean");
  command->add_option("--width-mm", options->figure.width_mm, "Width of the figure")->check(CLI::Range(20.0, 2000.0));
  command->add_option("--theme", options->figure.theme)->check(CLI::IsMember({"dark", "light"}));
  command->add_option("--out", options->out, ".svg, .pdf or .png")->required();
  add_common_options(*command, context);
  command->callback([&context, options] {
    context.command_name = "figure";
    context.command = [&context, options] { return figure(context, *options); };
  });
}

}  // namespace vitrine::app
