#include <filesystem>

#include <fmt/format.h>

#include "app/cli/commands.h"
#include "app/cli/options.h"
#include "app/cli/program.h"
#include "app/cli/report_text.h"
#include "engine/batch/inputs.h"
#include "engine/compress/verify.h"
#include "engine/io/json.h"
#include "engine/io/report_json.h"
#include "engine/isolate/readers.h"

namespace vitrine::app {

using engine::ErrorCode;
using engine::fail_file;
using engine::Report;
using engine::Result;
using nlohmann::json;

namespace {

struct VerifyOptions {
  std::string folder, against;
  InputOptions input;
};

/// The plan that an export states in its report.json, and the model it was made of.
struct Stated {
  engine::EditList plan;
  std::string original;
};

Result<Stated> read_stated(const VerifyOptions& options) {
  const auto path = std::filesystem::path(options.folder) / "report.json";
  VITRINE_TRY(const json report, engine::isolate::read_json_file(path));
  Stated stated;
  stated.original = options.against;
  if (!report.is_object() || !report.contains("edits"))
    return fail_file(ErrorCode::FileFormat, path.string(), "expected the plan of an export under 'edits', came none");
  VITRINE_TRY(stated.plan, engine::edits_from_json(report["edits"]));
  if (stated.original.empty() && report.contains("original") && report["original"].is_string())
    stated.original = report["original"].get<std::string>();
  if (stated.original.empty())
    return fail_file(ErrorCode::FileFormat, path.string(), "expected the original under 'original', or --against MODEL, came none");
  return stated;
}

Result<int> verify(Context& context, const VerifyOptions& options) {
  const Stopwatch watch;
  VITRINE_TRY(const auto items, items_of(options.input));
  VITRINE_TRY(const Stated stated, read_stated(options));
  VITRINE_TRY(const auto smaller, open_model_of(context, options.folder));
  VITRINE_TRY(const auto original, open_model_of(context, stated.original));
  Envelope envelope{"verify", model_json(*smaller), json::array(), json::array(), nullptr, 0};
  std::string text;
  bool all = true;
  double worst = -1;
  for (std::size_t i = 0; i < std::max<std::size_t>(1, items.size()); ++i) {
    std::map<std::string, engine::Tensor> inputs;
    if (!items.empty()) {
      VITRINE_TRY(engine::PreparedInput prepared, engine::prepare(*original, items[i]));
      inputs = std::move(prepared.tensors);
      envelope.inputs.push_back(engine::input_item_to_json(items[i]));
    }
    VITRINE_TRY(const Report report, engine::verify_smaller(*original, stated.plan, *smaller, std::move(inputs), context.progress()));
    all &= report.verified.ok;
    if (report.verified.max_abs_diff >= worst) {
      worst = report.verified.max_abs_diff;
      envelope.verified = verified_json(report.verified);
    }
    envelope.result.push_back(engine::report_to_json(report));
    text += report_text(report);
  }
  if (envelope.result.size() == 1) envelope.result = json(envelope.result[0]);
  envelope.timing_ms = watch.milliseconds();
  if (context.json) context.print(to_json(envelope));
  else context.print(text + fmt::format("{} equals its plan on {}: {}", options.folder, stated.original, all ? "PASS" : "FAIL"));
  return all ? 0 : exit_code(ErrorCode::AssertionFailed);
}

}  // namespace

void add_verify(CLI::App& root, Context& context) {
  auto* command = root.add_subcommand("verify", "Reload an export; compare it with the original and with its plan; measure speed and size");
  auto options = std::make_shared<VerifyOptions>();
  command->add_option("DIR", options->folder, "Folder that `vitrine compress` wrote")->required();
  command->add_option("--against", options->against, "The original, where it is not where the export says");
  add_input_options(*command, options->input);
  add_common_options(*command, context);
  command->callback([&context, options] {
    context.command_name = "verify";
    context.command = [&context, options] { return verify(context, *options); };
  });
}

}  // namespace vitrine::app
