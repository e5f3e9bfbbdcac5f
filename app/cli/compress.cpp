#include <filesystem>

#include <fmt/format.h>

#include "app/cli/commands.h"
#include "app/cli/options.h"
#include "app/cli/program.h"
#include "app/cli/report_text.h"
#include "engine/batch/inputs.h"
#include "engine/compress/compression.h"
#include "engine/compress/verify.h"
#include "engine/io/report_json.h"

namespace vitrine::app {

using engine::ErrorCode;
using engine::fail;
using engine::Report;
using engine::Result;
using nlohmann::json;

namespace {

struct CompressOptions {
  std::string method, model, edits, out;
  std::vector<std::string> settings;
  InputOptions input;
};

Result<int> compress(Context& context, const CompressOptions& options) {
  const Stopwatch watch;
  VITRINE_TRY(const auto* found, plugins().compressions.get(options.method));
  const engine::Compression& method = **found;
  VITRINE_TRY(const json params, engine::params_from_pairs(method.info(), options.settings));
  VITRINE_TRY(const engine::EditList edits, edits_of(options.edits));
  VITRINE_TRY(const auto items, items_of(options.input));
  if (items.size() > 1) return fail(ErrorCode::Usage, fmt::format("expected at most one input as calibration, came {}", items.size()));
  VITRINE_TRY(const auto model, open_model_of(context, options.model));
  engine::Workspace workspace(model);
  if (!items.empty()) VITRINE_CHECK(workspace.set_input(items.front()));
  VITRINE_TRY(const Report report, engine::compress_to(method, {workspace, edits, params, context.progress(), {}}, options.out));
  Envelope envelope{"compress", model_json(*model), json::array(), engine::report_to_json(report), verified_json(report.verified), watch.milliseconds()};
  envelope.result["written"] = options.out;
  if (!items.empty()) envelope.inputs.push_back(engine::input_item_to_json(items.front()));
  if (context.json) context.print(to_json(envelope));
  else context.print(report_text(report) + fmt::format("wrote {}", options.out));
  return report.verified.ok ? 0 : exit_code(ErrorCode::AssertionFailed);
}

}  // namespace

void add_compress(CLI::App& root, Context& context) {
  auto* command = root.add_subcommand("compress", "Make a smaller model: plan, apply, export, reload, compare, time");
  auto options = std::make_shared<CompressOptions>();
  command->add_option("METHOD", options->method, "Compression, as `vitrine list compressions` names it")->required();
  command->add_option("MODEL", options->model, kModelHelp)->required();
  add_input_options(*command, options->input);
  add_repeated(*command, "--set", options->settings, "A parameter of the method")->type_name("k=v");
  command->add_option("--edit", options->edits, "What is already switched off: JSON, a file, or head:5.1=zero");
  command->add_option("--out", options->out, "Folder of the smaller model")->required();
  add_common_options(*command, context);
  command->callback([&context, options] {
    context.command_name = "compress";
    context.command = [&context, options] { return compress(context, *options); };
  });
}

}  // namespace vitrine::app
