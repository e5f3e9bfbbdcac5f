#include <algorithm>

#include <fmt/format.h>

#include "app/cli/commands.h"
#include "app/cli/options.h"
#include "app/cli/program.h"
#include "engine/io/codec.h"
#include "engine/measure/tensor_statistics.h"
#include "engine/model/chat.h"
#include "engine/model/identify.h"

namespace vitrine::app {

using engine::Result;
using nlohmann::json;

namespace {

constexpr std::int64_t kMaxStatisticsValues = std::int64_t{1} << 25;

struct InspectOptions {
  std::string path;
  bool statistics = true;
};

/// Smallest, largest, mean, standard deviation and share of zeros of a tensor.
json statistics_json(const Result<engine::ValueStatistics>& found) {
  if (!found) return {{"error", found.error().message}};
  if (found->finite() == 0) return {{"not_finite", found->nan + found->infinite}};
  return {{"min", found->min}, {"max", found->max}, {"mean", found->mean}, {"std", found->deviation()},
          {"zeros", static_cast<double>(found->zeros) / static_cast<double>(found->finite())}, {"not_finite", found->nan + found->infinite}};
}

/// Of every tensor of the file, and of each part of complex numbers; null for what is not read.
std::vector<json> statistics_of(const engine::Checkpoint& file) {
  const auto& tensors = file.tensors();
  std::vector<const engine::TensorEntry*> entries;
  std::vector<std::pair<std::size_t, std::string>> places;   // number of the tensor, and the part of it
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const auto ask = [&](const engine::TensorEntry* entry, std::string_view part) {
      if (entry == nullptr) return;
      entries.push_back(entry);
      places.emplace_back(i, part);
    };
    if (tensors[i].numel() == 0 || tensors[i].numel() > kMaxStatisticsValues) continue;
    if (!engine::is_complex(tensors[i].dtype)) ask(&tensors[i], "");
    else
      for (const std::string_view part : engine::kComplexParts) ask(file.find(tensors[i].name + std::string(part)), part.substr(1));
  }
  const auto found = engine::statistics_of_tensors(file, entries);
  std::vector<json> all(tensors.size());
  for (std::size_t i = 0; i < places.size(); ++i) {
    const auto& [number, part] = places[i];
    (part.empty() ? all[number] : all[number][part]) = statistics_json(found[i]);
  }
  return all;
}

json tensors_json(const engine::Checkpoint& file, bool statistics) {
  json list = json::array();
  const std::vector<json> found = statistics ? statistics_of(file) : std::vector<json>();
  for (std::size_t i = 0; i < file.tensors().size(); ++i) {
    const engine::TensorEntry& entry = file.tensors()[i];
    json row = {{"name", entry.name}, {"dtype", entry.dtype}, {"shape", entry.shape}, {"bytes", entry.bytes}};
    if (statistics) row["statistics"] = found[i];
    list.push_back(std::move(row));
  }
  return list;
}

std::string bytes_text(double bytes) {
  const char* units[] = {"bytes", "kB", "MB", "GB", "TB"};
  int unit = 0;
  for (; bytes >= 1000 && unit < 4; ++unit) bytes /= 1000;
  return unit == 0 ? fmt::format("{:.0f} bytes", bytes) : fmt::format("{:.3g} {}", bytes, units[unit]);
}

json towers_json(const engine::Model& model) {
  json towers = json::array();
  for (const engine::TowerInfo& tower : model.towers()) {
    json mixers = json::array();
    for (const engine::MixerInfo& m : tower.mixers)
      mixers.push_back({{"site", m.site}, {"kind", m.kind}, {"heads", m.heads}, {"kv_heads", m.kv_heads}, {"d_head", m.d_head}});
    towers.push_back({{"prefix", tower.prefix}, {"layers", tower.layers}, {"d_model", tower.d_model},
                      {"mixers", mixers}, {"mlp_width", tower.mlp_width}});
  }
  return towers;
}

/// A short input of the kind that the model takes, for the forecast.
json forecast_json(const engine::Model& model) {
  engine::InputItem item;
  if (model.takes_text()) item.text = "The quick brown fox jumps over the lazy dog.";
  else return nullptr;
  if (model.takes_image()) return nullptr;
  const auto prepared = engine::prepare(model, item);
  if (!prepared) return nullptr;
  engine::RunRequest request;
  request.inputs = prepared->tensors;
  const auto forecast = engine::forecast(model, request);
  if (!forecast) return nullptr;
  return {{"input", prepared->summary}, {"weights_bytes", forecast->weights_bytes},
          {"packed_bytes", forecast->packed_bytes}, {"streamed_bytes", forecast->streamed_bytes}, {"activation_bytes", forecast->activation_bytes}, {"peak_bytes", forecast->peak_bytes},
          {"flops", forecast->flops}, {"seconds", forecast->seconds}};
}

/// Each template with its text, and what keeps it from being used.
json chat_json(const engine::Model& model) {
  const auto found = engine::chat_templates_of(model);
  if (!found) return {{{"name", "default"}, {"text", nullptr}, {"problem", sentence(found.error())}}};
  json list = json::array();
  for (const engine::NamedChatTemplate& each : found->templates)
    list.push_back({{"name", each.name}, {"text", each.source}, {"problem", each.problem.empty() ? json(nullptr) : json(each.problem)}});
  return list;
}

std::string chat_text(const json& templates) {
  std::string text;
  for (const json& each : templates) {
    const std::string source = each["text"].is_string() ? each["text"].get<std::string>() : "";
    text += fmt::format("  chat          {}, {} bytes", each["name"].get<std::string>(), source.size());
    text += each["problem"].is_null() ? "\n" : fmt::format(", cannot be used: {}\n{}{}", each["problem"].get<std::string>(), source, source.empty() ? "" : "\n");
  }
  return text;
}

json model_result(const engine::Model& model, bool statistics) {
  json hooks = json::array();
  for (const engine::HookInfo& hook : model.hooks()) hooks.push_back({{"name", hook.name}, {"axes", hook.axes}});
  json codebooks = json::array();
  for (const engine::CodebookInfo& book : model.codebooks())
    codebooks.push_back({{"site", book.site}, {"layer", book.layer}, {"head", book.head}, {"codes", book.codes}, {"k", book.k}});
  const engine::WeightProblems& problems = model.weight_problems();
  return {{"kind", "model"}, {"name", model.name()}, {"architecture", model.spec().architecture},
          {"title", model.spec().title}, {"format", model.checkpoint().format()}, {"parameters", model.parameter_count()},
          {"takes", {{"text", model.takes_text()}, {"image", model.takes_image()}}}, {"causal_lm", model.causal_lm()},
          {"tokenizer", model.tokenizer() ? json(model.tokenizer()->kind()) : json(nullptr)}, {"chat_templates", chat_json(model)},
          {"towers", towers_json(model)}, {"codebooks", codebooks}, {"hooks", hooks}, {"spec", to_json(model.spec())},
          {"tensors", tensors_json(model.checkpoint(), statistics)},
          {"missing", problems.missing}, {"unexpected", problems.unexpected}, {"wrong_shape", problems.wrong_shape},
          {"metadata", model.checkpoint().metadata()}, {"warnings", model.checkpoint().warnings()},
          {"forecast", forecast_json(model)}};
}

std::string model_text(const engine::Model& model, const json& result) {
  std::string text = fmt::format("{}\n  architecture  {} ({})\n  format        {}\n  parameters    {}\n", model.name(),
                                 model.spec().title, model.spec().architecture, model.checkpoint().format(), model.parameter_count());
  for (const engine::TowerInfo& tower : model.towers()) {
    std::string heads = "no mixing maps";
    if (!tower.mixers.empty()) heads = fmt::format("{} x {} {}", tower.mixers.size(), tower.mixers.front().heads, tower.mixers.front().kind);
    text += fmt::format("  tower         {}{} layers, d_model {}, {}\n", tower.prefix.empty() ? "" : tower.prefix + " ", tower.layers, tower.d_model, heads);
  }
  if (model.tokenizer()) text += fmt::format("  tokenizer     {}, {} tokens\n", model.tokenizer()->kind(), model.tokenizer()->vocab_size());
  text += chat_text(result["chat_templates"]);
  if (!model.codebooks().empty()) text += fmt::format("  codebooks     {}\n", model.codebooks().size());
  if (!result["forecast"].is_null())
    text += fmt::format("  forecast      {} for {}: {} at most, {:.2g} s\n", bytes_text(result["forecast"]["weights_bytes"].get<double>()),
                        result["forecast"]["input"].get<std::string>(), bytes_text(result["forecast"]["peak_bytes"].get<double>()),
                        result["forecast"]["seconds"].get<double>());
  text += fmt::format("  tensors       {}\n  hook points   {}\n", model.checkpoint().tensors().size(), model.hooks().size());
  return text;
}

std::string tensors_text(const json& tensors) {
  std::string text;
  std::size_t width = 4;
  for (const json& row : tensors) width = std::max(width, std::min<std::size_t>(60, row["name"].get<std::string>().size()));
  for (const json& row : tensors) {
    text += fmt::format("  {:<{}}  {:<5} {}", row["name"].get<std::string>(), width, row["dtype"].get<std::string>(), row["shape"].dump());
    if (row.contains("statistics") && row["statistics"].contains("mean"))
      text += fmt::format("  mean {:.4g}, std {:.4g}, {:.4g} to {:.4g}", row["statistics"]["mean"].get<double>(),
                          row["statistics"]["std"].get<double>(), row["statistics"]["min"].get<double>(), row["statistics"]["max"].get<double>());
    text += "\n";
  }
  return text;
}

int inspect_model(Context& context, const InspectOptions& options, const engine::Model& model, const Stopwatch& watch) {
  Envelope envelope{"inspect", model_json(model), json::array(), model_result(model, options.statistics), nullptr, 0};
  envelope.timing_ms = watch.milliseconds();
  if (context.json) context.print(to_json(envelope));
  else context.print(model_text(model, envelope.result) + "\n" + tensors_text(envelope.result["tensors"]));
  return 0;
}

std::string list_text(const char* what, const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += fmt::format("  {}  {}\n", what, name);
  return text;
}

/// @param model the same weights opened for their tensors, with what keeps them from running; nullptr: no weights
int inspect_file(Context& context, const InspectOptions& options, const engine::FileIdentity& identity, const engine::Model* model,
                 const Stopwatch& watch) {
  const std::vector<std::string> said = model ? model->checkpoint().warnings() : std::vector<std::string>{};
  for (const std::string& warning : identity.warnings)
    if (std::ranges::find(said, warning) == said.end()) context.note("vitrine: " + options.path + ": " + warning);
  json result = {{"kind", kind_name(identity.kind)}, {"format", identity.format}, {"sentence", identity.sentence},
                 {"details", identity.details}, {"warnings", identity.warnings}};
  if (identity.checkpoint) result["tensors"] = tensors_json(*identity.checkpoint, false);
  std::string text = identity.sentence + "\n";
  if (model) {
    const engine::WeightProblems& problems = model->weight_problems();
    result["cannot_run"] = model->cannot_run();
    result["architecture"] = model->spec().architecture;
    result["missing"] = problems.missing;
    result["unexpected"] = problems.unexpected;
    result["wrong_shape"] = problems.wrong_shape;
    result["chat_templates"] = chat_json(*model);
    text += chat_text(result["chat_templates"]);
    text += fmt::format("  cannot run   {}\n", model->cannot_run()) + list_text("missing     ", problems.missing) +
            list_text("unexpected  ", problems.unexpected) + list_text("wrong shape ", problems.wrong_shape) + "\n";
  }
  Envelope envelope{"inspect", nullptr, json::array({options.path}), result, nullptr, watch.milliseconds()};
  if (context.json) {
    context.print(to_json(envelope));
    return 0;
  }
  if (identity.checkpoint) text += tensors_text(result["tensors"]);
  else if (!identity.details.empty()) text += identity.details.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
  context.print(text);
  return 0;
}

/// A folder, a demo or weights whose architecture is known are models; everything else is a file.
Result<int> inspect(Context& context, const InspectOptions& options) {
  const Stopwatch watch;
  if (const engine::ModelName name = engine::parse_model_name(options.path); name.patch > 0 || name.place.starts_with("demo:")) {
    VITRINE_TRY(const auto model, open_model_of(context, options.path));
    return inspect_model(context, options, *model, watch);
  }
  VITRINE_TRY(const engine::FileIdentity identity, engine::identify(options.path));
  if (identity.kind != engine::FileKind::ModelFolder && identity.kind != engine::FileKind::Weights)
    return inspect_file(context, options, identity, nullptr, watch);
  const auto model = open_model_of(context, options.path, "fp32", true);
  if (model) return (*model)->cannot_run().empty() ? inspect_model(context, options, **model, watch)
                                                   : inspect_file(context, options, identity, model->get(), watch);
  if (model.error().code == engine::ErrorCode::Cancelled) return tl::unexpected(model.error());
  // The weights are sound, what lies beside them is not: what they hold is shown all the same.
  context.note("vitrine: not opened as a model: " + sentence(model.error()));
  return inspect_file(context, options, identity, nullptr, watch);
}

}  // namespace

void add_inspect(CLI::App& root, Context& context) {
  auto* command = root.add_subcommand("inspect", "Say what a file is; for a model: its parts, tensors, hooks and cost");
  auto options = std::make_shared<InspectOptions>();
  command->add_option("MODEL|FILE", options->path, "Any file or folder that Vitrine reads, or demo:NAME")->required();
  command->add_flag("--statistics,!--no-statistics", options->statistics, "Read every tensor of a model: smallest, largest, mean, deviation");
  add_common_options(*command, context);
  command->callback([&context, options] {
    context.command_name = "inspect";
    context.command = [&context, options] { return inspect(context, *options); };
  });
}

}  // namespace vitrine::app
