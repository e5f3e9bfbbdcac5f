#include <algorithm>

#include <fmt/format.h>

#include "app/cli/commands.h"
#include "app/cli/options.h"
#include "app/cli/program.h"
#include "engine/run/parity.h"

namespace vitrine::app {

using engine::ParityRow;
using engine::Result;
using nlohmann::json;

namespace {

struct ParityCommand {
  std::vector<std::string> folders;
  double atol = -1;
};

const char* state_name(ParityRow::State state) {
  return state == ParityRow::State::Pass ? "pass" : state == ParityRow::State::Fail ? "FAIL" : "unknown";
}

json number_or_null(double value) { return value >= 0 ? json(value) : json(nullptr); }

json report_json(const engine::ParityReport& report) {
  json rows = json::array();
  for (const ParityRow& row : report.rows) {
    std::string state = state_name(row.state);
    std::transform(state.begin(), state.end(), state.begin(), [](unsigned char c) { return std::tolower(c); });
    rows.push_back({{"tensor", row.name}, {"state", state}, {"max_abs_diff", number_or_null(row.max_abs_diff)},
                    {"atol", number_or_null(row.allowed)}, {"found", row.found}, {"note", row.note}});
  }
  return {{"case", report.case_name}, {"reference", report.reference}, {"passed", report.passed()}, {"tensors", rows},
          {"not_compared", report.not_compared}};
}

std::string report_text(const engine::ParityReport& report) {
  std::size_t width = 8;
  for (const ParityRow& row : report.rows) width = std::max(width, row.name.size());
  std::string text = fmt::format("{}  ({}, against {})\n", report.case_name, report.architecture,
                                 report.reference.empty() ? "expected.safetensors" : report.reference);
  std::size_t passed = 0;
  for (const ParityRow& row : report.rows) {
    passed += row.state == ParityRow::State::Pass;
    const std::string difference = row.max_abs_diff >= 0 ? fmt::format("{:.3e}", row.max_abs_diff) : "-";
    text += fmt::format("  {:<{}}  {:>10}  {:<7}  {}\n", row.name, width, difference, state_name(row.state), row.note);
  }
  for (const std::string& name : report.not_compared) text += fmt::format("  not compared: {}\n", name);
  text += fmt::format("{} of {} pass: {}\n", passed, report.rows.size(), report.passed() ? "PASS" : "FAIL");
  return text;
}

Result<int> parity(Context& context, const ParityCommand& command) {
  engine::ParityOptions options;
  if (command.atol >= 0) options.atol = command.atol;
  bool all = true;
  json envelopes = json::array();
  for (const std::string& folder : command.folders) {
    VITRINE_TRY(const engine::ParityReport report, engine::check_parity(folder, options, context.progress()));
    all &= report.passed();
    Envelope envelope{"parity", {{"path", report.model}, {"sha256", nullptr}, {"architecture", report.architecture}},
                      json::array({folder}), report_json(report), nullptr, report.timing_ms};
    envelope.verified = {{"how", "tensor by tensor against " + (report.reference.empty() ? "expected.safetensors" : report.reference)},
                         {"max_abs_diff", number_or_null(report.max_abs_diff())}};
    if (context.json) envelopes.push_back(to_json(envelope));
    else context.print(report_text(report));
  }
  if (context.json) context.print(envelopes.size() == 1 ? json(envelopes[0]) : envelopes);
  return all ? 0 : exit_code(engine::ErrorCode::AssertionFailed);
}

}  // namespace

void add_parity(CLI::App& root, Context& context) {
  auto* command = root.add_subcommand("parity", "Compare with the numbers of a reference implementation");
  auto options = std::make_shared<ParityCommand>();
  command->add_option("CASE", options->folders, "Folder with a model, input.safetensors and expected.safetensors")->required();
  command->add_option("--atol", options->atol, "Largest difference allowed; default: case.json's, or 1e-4")->check(CLI::NonNegativeNumber);
  add_common_options(*command, context);
  command->callback([&context, options] {
    context.command_name = "parity";
    context.command = [&context, options] { return parity(context, *options); };
  });
}

}  // namespace vitrine::app
