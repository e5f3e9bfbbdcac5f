#include <algorithm>
#include <filesystem>

#include <fmt/format.h>

#include "app/cli/commands.h"
#include "app/cli/figure_file.h"
#include "app/cli/options.h"
#include "app/cli/plugin_rows.h"
#include "app/cli/program.h"
#include "app/cli/systems.h"
#include "engine/io/json.h"
#include "engine/model/architecture.h"

namespace vitrine::app {

using engine::ErrorCode;
using engine::fail;
using engine::Result;
using nlohmann::json;

namespace {

Result<json> demos() {
  json rows = json::array();
  for (const std::string& name : engine::demo_names()) {
    json row = {{"name", "demo:" + name}};
    if (const auto folder = engine::demo_folder(name)) {
      row["path"] = folder->string();
      if (const auto config = engine::read_json_file(*folder / "config.json"); config && config->is_object())
        row["architecture"] = config->value("model_type", config->value("architecture", json("")));
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

Result<json> architectures() {
  json rows = json::array();
  for (const engine::Architecture& a : engine::architectures().all())
    rows.push_back({{"id", a.id}, {"title", a.title}, {"source", a.source}, {"file", a.file.string()}});
  return rows;
}

json params_json(const std::vector<engine::ParamInfo>& params) {
  static const char* const kTypes[] = {"int", "float", "bool", "text", "choice"};
  json list = json::array();
  for (const engine::ParamInfo& p : params) {
    json row = {{"name", p.name}, {"type", kTypes[static_cast<int>(p.type)]}, {"default", p.fallback}, {"doc", p.doc}};
    if (!p.choices.empty()) row["choices"] = p.choices;
    list.push_back(std::move(row));
  }
  return list;
}

Result<json> analyses() {
  json rows = json::array();
  for (const auto& [id, analysis] : plugins().analyses.entries()) {
    const engine::AnalysisInfo& info = analysis->info();
    rows.push_back({{"id", id}, {"title", info.title}, {"summary", info.summary}, {"source", info.source},
                    {"needs_input", info.needs_input}, {"needs_eval_set", info.needs_eval_set},
                    {"needs_codebooks", info.needs_codebooks}, {"params", params_json(info.params)}});
  }
  return rows;
}

Result<json> compression_rows() {
  json rows = json::array();
  for (const auto& [id, compression] : plugins().compressions.entries()) {
    const engine::AnalysisInfo& info = compression->info();
    rows.push_back({{"id", id}, {"title", info.title}, {"summary", info.summary}, {"source", info.source}, {"params", params_json(info.params)}});
  }
  return rows;
}

/// Every analysis can be drawn; the settings of the drawing are the same for all.
Result<json> views() {
  VITRINE_TRY(json rows, analyses());
  const auto settings = figure_settings();
  for (json& row : rows) {
    row.erase("source");
    row["figure_settings"] = settings;
  }
  return rows;
}

Result<json> plugin_rows() {
  json rows = json::array();
  for (const engine::PluginStatus& status : plugins().plugins) rows.push_back(plugin_json(status));
  return rows;
}

Result<json> hooks(Context& context, const std::string& path) {
  VITRINE_TRY(const auto model, open_model_of(context, path));
  json rows = json::array();
  for (const engine::HookInfo& hook : model->hooks()) rows.push_back({{"name", hook.name}, {"axes", hook.axes}});
  return rows;
}

/// The columns of a listing that a person wants to see, in their order.
std::string rows_text(const json& rows, const std::vector<std::string>& columns) {
  std::vector<std::size_t> widths(columns.size(), 0);
  const auto cell = [](const json& row, const std::string& key) {
    if (!row.contains(key)) return std::string();
    if (row[key].is_string()) return row[key].get<std::string>();
    if (!row[key].is_array()) return row[key].dump();
    std::string joined;
    for (const json& part : row[key]) joined += (joined.empty() ? "" : " ") + (part.is_string() ? part.get<std::string>() : part.dump());
    return joined;
  };
  for (const json& row : rows)
    for (std::size_t c = 0; c < columns.size(); ++c) widths[c] = std::max(widths[c], std::min<std::size_t>(70, cell(row, columns[c]).size()));
  std::string text;
  for (const json& row : rows) {
    std::string line;
    for (std::size_t c = 0; c < columns.size(); ++c) line += fmt::format("{:<{}}  ", cell(row, columns[c]), widths[c]);
    while (!line.empty() && line.back() == ' ') line.pop_back();
    text += line + "\n";
  }
  return text;
}

Result<int> list(Context& context, const std::string& what, const std::string& model) {
  struct Listing {
    const char* name;
    Result<json> (*rows)();
    std::vector<std::string> columns;
  };
  static const std::vector<Listing> kListings = {
      {"demos", demos, {"name", "architecture", "path"}},
      {"architectures", architectures, {"id", "title", "source"}},
      {"mixers", mixer_rows, {"id", "title", "systems"}},
      {"analyses", analyses, {"id", "title", "summary"}},
      {"compressions", compression_rows, {"id", "title", "summary"}},
      {"views", views, {"id", "title", "summary"}},
      {"plugins", plugin_rows, {"id", "version", "kind", "active", "message"}},
      {"systems", system_rows, {"id", "name", "state", "command"}},
  };
  const Stopwatch watch;
  json rows;
  std::vector<std::string> columns = {"name", "axes"};
  if (what == "hooks") {
    if (model.empty()) return fail(ErrorCode::Usage, "expected a MODEL for its hooks, came none");
    VITRINE_TRY(rows, hooks(context, model));
  } else {
    const auto found = std::find_if(kListings.begin(), kListings.end(), [&](const Listing& l) { return what == l.name; });
    if (found == kListings.end()) return fail(ErrorCode::Usage, fmt::format("expected something that can be listed, came '{}'", what));
    if (!model.empty()) return fail(ErrorCode::Usage, fmt::format("expected nothing after {}, came '{}'", what, model));
    VITRINE_TRY(rows, found->rows());
    columns = found->columns;
  }
  if (context.json) context.print(to_json(Envelope{"list " + what, nullptr, json::array(), rows, nullptr, watch.milliseconds()}));
  else if (!rows.empty()) context.print(rows_text(rows, columns));
  return 0;
}

}  // namespace

void add_list(CLI::App& root, Context& context) {
  auto* command = root.add_subcommand("list", "What is there");
  auto what = std::make_shared<std::string>(), model = std::make_shared<std::string>();
  command->add_option("WHAT", *what, "demos, architectures, mixers, analyses, compressions, views, plugins, systems or hooks")
      ->required()
      ->check(CLI::IsMember({"demos", "architectures", "mixers", "analyses", "compressions", "views", "plugins", "systems", "hooks"}));
  command->add_option("MODEL", *model, "Model whose hooks are listed");
  add_common_options(*command, context);
  command->callback([&context, what, model] {
    context.command_name = "list";
    context.command = [&context, what, model] { return list(context, *what, *model); };
  });
}

}  // namespace vitrine::app
