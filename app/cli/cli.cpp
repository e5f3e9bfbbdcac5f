#include "app/cli/cli.h"

#include <cstdio>
#include <cstring>
#include <exception>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "app/cli/commands.h"
#include "app/cli/options.h"
#include "app/cli/program.h"

namespace vitrine::app {

using engine::Error;
using engine::ErrorCode;
using engine::fail;
using engine::Status;

namespace {

struct RootOptions {
  std::string model, session, screenshot, theme, size;
  InputOptions input;
};

void add_root_options(CLI::App& root, RootOptions& options) {
  root.add_option("MODEL", options.model, fmt::format("Model to open. {}", kModelHelp));
  root.add_option("--session", options.session, "Session file to reopen");
  root.add_option("--screenshot", options.screenshot, "Write a picture of the window to this PNG, then leave");
  root.add_option("--size", options.size, "Size of the window")->type_name("WxH");
  root.add_option("--theme", options.theme, "Colours of the window")->check(CLI::IsMember({"dark", "light"}));
  add_input_options(root, options.input);
}

Status fill_window(const RootOptions& options, WindowOptions& window) {
  window.model = options.model;
  window.session = options.session;
  window.screenshot = options.screenshot;
  window.theme = options.theme;
  if (!options.size.empty()) {
    int used = 0;
    if (std::sscanf(options.size.c_str(), "%5dx%5d%n", &window.width, &window.height, &used) != 2 ||
        used != static_cast<int>(options.size.size()) || window.width < 320 || window.height < 240 ||
        window.width > 16384 || window.height > 16384)
      return fail(ErrorCode::Usage,
                  fmt::format("expected --size WxH from 320x240 to 16384x16384, came '{}'", options.size));
  }
  if (options.input.empty()) return {};
  if (options.model.empty()) return fail(ErrorCode::Usage, "expected a MODEL with the input, came none");
  VITRINE_TRY(window.input, one_item(options.input));
  return {};
}

bool asks_for_json(int argc, char** argv) {
  for (int i = 1; i < argc; ++i)
    if (std::strcmp(argv[i], "--json") == 0) return true;
  return false;
}

/// CLI11 ends its sentences differently; ours have no full stop and one line.
std::string tidy(std::string text) {
  for (char& c : text)
    if (c == '\n') c = ' ';
  while (!text.empty() && (text.back() == ' ' || text.back() == '.')) text.pop_back();
  return text;
}

int run_command(Context& context) {
  try {
    auto code = context.command();
    context.clear_progress();
    return code ? *code : context.report_error(code.error());
  } catch (const std::bad_alloc&) {
    return context.report_error(Error{ErrorCode::DoesNotFit, "memory ran out", {}, {}, {}});
  } catch (const std::exception& defect) {
    return context.report_error(Error{ErrorCode::Internal, fmt::format("defect: {}", defect.what()), {}, {}, {}});
  }
}

}  // namespace

int cli_main(int argc, char** argv, WindowOptions& window) {
  choose_reader(true);
  CLI::App root{"Vitrine: a laboratory for looking inside transformers"};
  Context context;
  RootOptions options;
  root.name("vitrine");
  root.set_help_all_flag("--help-all", "Help of all commands");
  root.set_version_flag("--version", [] { return version_text(); });
  root.require_subcommand(0, 1);
  root.get_formatter()->column_width(36);
  add_root_options(root, options);
  add_common_options(root, context);
  for (auto* add : {add_inspect, add_run, add_map, add_figure, add_analyse, add_compress, add_verify, add_parity,
                    add_batch, add_list, add_plugin})
    add(root, context);
  try {
    root.parse(argc, argv);
  } catch (const CLI::Success& asked) {
    return root.exit(asked);
  } catch (const CLI::ParseError& wrong) {
    context.json = asks_for_json(argc, argv);
    return context.report_error(Error{ErrorCode::Usage, tidy(wrong.what()), {}, {}, {}});
  }
  if (context.command) {
    if (!options.model.empty())
      return context.report_error(
          Error{ErrorCode::Usage, fmt::format("expected one command, came '{}' before it", options.model), {}, {}, {}});
    return run_command(context);
  }
  if (auto filled = fill_window(options, window); !filled) return context.report_error(filled.error());
  return -1;
}

}  // namespace vitrine::app
