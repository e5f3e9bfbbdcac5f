#include <fmt/format.h>

#include "app/cli/commands.h"
#include "app/cli/forecast_view.h"
#include "app/cli/options.h"
#include "app/cli/program.h"
#include "app/cli/tensor_file.h"
#include "engine/batch/inputs.h"
#include "engine/mixers/mixing_map.h"

namespace vitrine::app {

using engine::ErrorCode;
using engine::fail;
using engine::Result;
using nlohmann::json;

namespace {

/// Rows x columns of a tile that are held in memory at once.
constexpr std::int64_t kMaxTile = std::int64_t{1} << 28;

struct MapOptions {
  std::string model, edits, rows, cols, out, tower;
  int layer = 0, head = 0, batch = 0;
  bool cross = false;
  InputOptions input;
};

Result<const engine::MixerInfo*> find_mixer(const engine::Model& model, const MapOptions& options) {
  for (const engine::TowerInfo& tower : model.towers()) {
    if (!options.tower.empty() && tower.prefix != options.tower && tower.prefix != options.tower + ".") continue;
    const auto& list = options.cross ? tower.cross : tower.mixers;
    if (list.empty() && options.tower.empty()) continue;
    for (const engine::MixerInfo& mixer : list)
      if (mixer.layer == options.layer) return &mixer;
    return fail(ErrorCode::Usage, fmt::format("expected a layer with a mixing map below {}, came {}", tower.layers, options.layer));
  }
  return fail(ErrorCode::Usage, fmt::format("expected a tower of {} with mixing maps, came '{}'", model.name(), options.tower));
}

Result<int> map_command(Context& context, const MapOptions& options) {
  const Stopwatch watch;
  VITRINE_TRY(const engine::InputItem item, one_item(options.input));
  VITRINE_TRY(const engine::EditList edits, edits_of(options.edits));
  VITRINE_TRY(const auto model, open_model_of(context, options.model));
  VITRINE_TRY(const engine::MixerInfo* mixer, find_mixer(*model, options));
  VITRINE_TRY(const engine::PreparedInput input, engine::prepare(*model, item));
  engine::RunRequest request;
  request.inputs = input.tensors;
  request.edits = edits;
  request.keep_residuals = false;
  if (!options.cross) request.upto = mixer->block;
  ForecastView forecast;
  VITRINE_CHECK(forecast.pass(context, *model, request));
  VITRINE_TRY(const auto run, engine::run_model(*model, request, context.progress()));
  const auto found = run->maps.find(mixer->site);
  if (found == run->maps.end()) return fail(ErrorCode::InvalidInput, fmt::format("{} has no mixing map for this input", mixer->site));
  const engine::MixingMap& map = *found->second;
  if (options.head >= map.heads()) return fail(ErrorCode::Usage, fmt::format("expected a head below {}, came {}", map.heads(), options.head));
  if (options.batch >= map.batch()) return fail(ErrorCode::Usage, fmt::format("expected an item below {}, came {}", map.batch(), options.batch));
  VITRINE_TRY(const auto rows, parse_range(options.rows, map.rows()));
  VITRINE_TRY(const auto cols, parse_range(options.cols, map.cols()));
  const std::int64_t cells = (rows.second - rows.first) * (cols.second - cols.first);
  if (cells > kMaxTile)
    return fail(ErrorCode::DoesNotFit, fmt::format("expected a tile of at most {} cells, came {}; choose --rows and --cols", kMaxTile, cells));
  VITRINE_TRY(const engine::Tensor tile, map.tile(options.batch, options.head, rows.first, rows.second, cols.first, cols.second));
  VITRINE_CHECK(write_matrix(options.out, tile));
  VITRINE_TRY(const double residual, engine::map_residual(map, options.batch, options.head));
  Envelope envelope{"map", model_json(*model), json::array({engine::input_item_to_json(item)}), nullptr, nullptr, 0};
  envelope.result = {{"site", mixer->site}, {"layer", options.layer}, {"head", options.head}, {"kind", map.kind()},
                     {"stochastic", map.stochastic()}, {"shape", {map.rows(), map.cols()}}, {"rows", {rows.first, rows.second}},
                     {"cols", {cols.first, cols.second}}, {"written", options.out}};
  envelope.verified = {{"how", "map x values against the mixer's output"}, {"max_abs_diff", residual}};
  envelope.timing_ms = watch.milliseconds();
  envelope.forecast = forecast.json();
  if (context.json) context.print(to_json(envelope));
  else
    context.print(fmt::format("{} head {}: {} of {} x {}, rows {}:{}, columns {}:{} in {}\nmap x values differs from the mixer's output by {:.3g}",
                              mixer->site, options.head, map.kind(), map.rows(), map.cols(), rows.first, rows.second,
                              cols.first, cols.second, options.out, residual));
  return 0;
}

}  // namespace

void add_map(CLI::App& root, Context& context) {
  auto* command = root.add_subcommand("map", "The exact tile of one mixing map");
  auto options = std::make_shared<MapOptions>();
  command->add_option("MODEL", options->model, kModelHelp)->required();
  add_input_options(*command, options->input);
  command->add_option("--layer", options->layer, "Layer of the tower, from 0")->required()->check(CLI::NonNegativeNumber);
  command->add_option("--head", options->head, "Head, or channel group, from 0")->required()->check(CLI::NonNegativeNumber);
  command->add_option("--rows", options->rows, "Output tokens")->type_name("A:B");
  command->add_option("--cols", options->cols, "Input tokens")->type_name("C:D");
  command->add_option("--tower", options->tower, "encoder, decoder, text or vision");
  command->add_flag("--cross", options->cross, "Cross attention of the decoder");
  command->add_option("--item", options->batch, "Which item of a --tensors batch")->check(CLI::NonNegativeNumber);
  command->add_option("--edit", options->edits, "Interventions: JSON, a file, or head:5.1=zero,mlp:3=mean");
  command->add_option("--out", options->out, ".npy, .safetensors or .csv")->required();
  add_common_options(*command, context);
  command->callback([&context, options] {
    context.command_name = "map";
    context.command = [&context, options] { return map_command(context, *options); };
  });
}

}  // namespace vitrine::app
