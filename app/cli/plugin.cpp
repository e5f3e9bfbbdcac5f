#include <fmt/format.h>

#include "app/cli/commands.h"
#include "app/cli/options.h"
#include "app/cli/plugin_rows.h"
#include "app/cli/program.h"

namespace vitrine::app {

using engine::Result;
using nlohmann::json;

json plugin_json(const engine::PluginStatus& status) {
  return {{"id", status.id}, {"name", status.name}, {"version", status.version}, {"kind", plugin_kind_name(status.kind)},
          {"folder", status.folder.string()}, {"built_in", status.origin == engine::PluginOrigin::BuiltIn},
          {"active", status.active}, {"message", status.message}, {"warnings", status.warnings}, {"provides", status.provides}};
}

std::string plugin_text(const engine::PluginStatus& status) {
  std::string text = fmt::format("{}  {} {} ({})  {}\n", status.active ? "active  " : "refused ",
                                 status.id.empty() ? status.folder.filename().string() : status.id, status.version,
                                 plugin_kind_name(status.kind), status.folder.string());
  if (!status.message.empty()) text += "    " + status.message + "\n";
  for (const std::string& warning : status.warnings) text += "    warning: " + warning + "\n";
  for (const std::string& provided : status.provides) text += "    " + provided + "\n";
  return text;
}

namespace {

Result<int> check(Context& context, const std::string& path) {
  const Stopwatch watch;
  const engine::PluginStatus status = engine::check_plugin(path);
  if (!status.active) {
    engine::Error error{engine::ErrorCode::Unsupported, status.message, path, {}, {}};
    // A message that names the file already is not given it twice.
    if (status.message.find(path) != std::string::npos) error.file.clear();
    return tl::unexpected(std::move(error));
  }
  if (context.json)
    context.print(to_json(Envelope{"plugin check", nullptr, json::array({path}), plugin_json(status), nullptr, watch.milliseconds()}));
  else
    context.print(plugin_text(status));
  return 0;
}

}  // namespace

void add_plugin(CLI::App& root, Context& context) {
  auto* command = root.add_subcommand("plugin", "Plugins: check one, list all");
  command->require_subcommand(1);
  auto* one = command->add_subcommand("check", "Open a plugin as the program would and say what is wrong");
  auto path = std::make_shared<std::string>();
  one->add_option("PATH", *path, "Plugin folder or its manifest.json")->required();
  add_common_options(*one, context);
  one->callback([&context, path] {
    context.command_name = "plugin check";
    context.command = [&context, path] { return check(context, *path); };
  });
  auto* all = command->add_subcommand("list", "Every plugin that was found");
  add_common_options(*all, context);
  all->callback([&context] {
    context.command_name = "plugin list";
    context.command = [&context]() -> Result<int> {
      json rows = json::array();
      std::string text;
      for (const engine::PluginStatus& status : plugins().plugins) {
        rows.push_back(plugin_json(status));
        text += plugin_text(status);
      }
      if (context.json) context.print(to_json(Envelope{"plugin list", nullptr, json::array(), rows, nullptr, 0}));
      else context.print(text.empty() ? "no plugins were found" : text);
      return 0;
    };
  });
}

}  // namespace vitrine::app
