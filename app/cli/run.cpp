#include <algorithm>
#include <cmath>
#include <filesystem>
#include <numeric>

#include <fmt/format.h>

#include "app/cli/commands.h"
#include "app/cli/forecast_view.h"
#include "app/cli/options.h"
#include "app/cli/program.h"
#include "app/cli/tensor_file.h"
#include "engine/batch/inputs.h"
#include "engine/run/packed.h"
#include "engine/run/resolve.h"
#include "engine/tensor/guard.h"
#include "engine/tensor/ops.h"

namespace vitrine::app {

using engine::ErrorCode;
using engine::fail;
using engine::Result;
using engine::Tensor;
using nlohmann::json;

namespace {

constexpr std::size_t kTogether = 64;   ///< inputs that are read before the first of them runs

struct RunOptions {
  std::string model, edits, dtype = "fp32", device = "auto", out;
  std::vector<std::string> taps;
  int generate = 0, top = 5;
  InputOptions input;
};

/// The k likeliest entries of one row of logits.
json top_of(const engine::Model& model, const std::vector<float>& logits, std::size_t row, std::size_t width, int k) {
  const float* begin = logits.data() + row * width;
  std::vector<std::size_t> order(width);
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto count = std::min<std::size_t>(width, static_cast<std::size_t>(k));
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(count), order.end(),
                    [&](std::size_t a, std::size_t b) { return begin[a] > begin[b]; });
  double sum = 0;
  const double highest = begin[order.front()];
  for (std::size_t i = 0; i < width; ++i) sum += std::exp(begin[i] - highest);
  const bool tokens = model.tokenizer() && model.tokenizer()->vocab_size() <= static_cast<std::int64_t>(width) && model.class_labels().empty();
  json list = json::array();
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t id = order[i];
    std::string label = std::to_string(id);
    if (id < model.class_labels().size()) label = model.class_labels()[id];
    else if (tokens || (model.causal_lm() && model.tokenizer())) label = model.tokenizer()->display(static_cast<std::int64_t>(id));
    list.push_back({{"id", id}, {"label", label}, {"logit", begin[id]}, {"probability", std::exp(begin[id] - highest) / sum}});
  }
  return list;
}

json outputs_json(const engine::Model& model, const std::map<std::string, Tensor>& all, int k) {
  json outputs = json::object();
  for (const auto& [name, tensor] : all) {
    json entry = {{"shape", tensor.shape()}};
    if ((name == "logits" || name == "logits_per_image") && tensor.dim() >= 2) {
      // Of a sequence only a language model's last position predicts something new.
      const std::int64_t width = tensor.size(-1), items = tensor.size(0), rows = tensor.numel() / (width * items);
      const auto values = engine::select(engine::reshape(tensor, {items, rows, width}), 1, rows - 1).to_floats();
      json tops = json::array();
      for (std::int64_t item = 0; item < items; ++item)
        tops.push_back(top_of(model, values, static_cast<std::size_t>(item), static_cast<std::size_t>(width), k));
      entry["top"] = tops;
    }
    outputs[name] = std::move(entry);
  }
  return outputs;
}

std::string summary(const engine::PreparedInput& input, const engine::PackedText& done, const json& outputs) {
  std::string text = fmt::format("{}\n  {:.1f} ms, {} blocks{}\n", input.summary, done.milliseconds, done.blocks,
                                 done.together > 1 ? fmt::format(" (its share of a row of {} texts)", done.together) : "");
  for (const auto& [name, entry] : outputs.items()) {
    text += fmt::format("  {} {}\n", name, entry["shape"].dump());
    if (!entry.contains("top")) continue;
    for (const json& row : entry["top"])
      for (const json& p : row) text += fmt::format("    {:>8.4f}  {}\n", p["probability"].get<double>(), p["label"].get<std::string>());
  }
  return text;
}

/// Whether a tap asks for the pattern of a mixer.
bool wants_pattern(const RunOptions& options, const std::string& site) {
  return std::any_of(options.taps.begin(), options.taps.end(), [&](const std::string& tap) { return engine::glob_match(tap, site + ".hook_pattern"); });
}

/// `generated.SITE.hook_pattern` [head, query, key] of the tapped patterns, a row for every token of the text and for every new one
/// but the last.
engine::Status add_patterns(const RunOptions& options, const engine::Generation& made, std::map<std::string, Tensor>& tensors) {
  for (const auto& [site, map] : made.maps) {
    if (!wants_pattern(options, site)) continue;
    std::vector<Tensor> heads;
    for (int head = 0; head < map->heads(); ++head) {
      VITRINE_TRY(Tensor rows, map->tile(0, head, 0, map->rows(), 0, map->cols()));
      heads.push_back(std::move(rows));
    }
    VITRINE_CHECK(engine::guard([&] { tensors["generated." + site + ".hook_pattern"] = engine::stack(heads, 0); }));
  }
  return {};
}

Result<json> generate_text(Context& context, const engine::Model& model, const engine::PreparedInput& input,
                           const RunOptions& options, const engine::EditList& edits, std::string& text, std::map<std::string, Tensor>& tensors) {
  bool keep = false;
  for (const auto& tower : model.towers())
    for (const auto& mixer : tower.mixers) keep |= !options.out.empty() && wants_pattern(options, mixer.site);
  VITRINE_TRY(const engine::Generation made, engine::generate(model, input.tensors, options.generate, edits, context.progress(), {.maps = keep, .logits = false}));
  VITRINE_CHECK(add_patterns(options, made, tensors));
  json result = {{"ids", made.ids}};
  if (model.tokenizer()) {
    result["text"] = model.tokenizer()->decode(made.ids);
    text += result["text"].get<std::string>() + "\n";
  } else {
    for (auto id : made.ids) text += std::to_string(id) + " ";
    text += "\n";
  }
  return result;
}

/// What all inputs came to, for a program and for a person, and what they were forecast to take.
struct Results {
  Envelope envelope;
  std::string text;
  ForecastView forecasts;
};

/// One input with its generation and taps, and the file of both.
engine::Status run_tapped(Context& context, const engine::Model& model, const RunOptions& options, const engine::EditList& edits,
                          const engine::PreparedInput& input, Results& results) {
  std::map<std::string, Tensor> tensors;
  json& result = results.envelope.result;
  const engine::RunRequest request{.inputs = input.tensors, .edits = edits, .taps = options.taps, .capture_maps = false, .keep_residuals = false};
  VITRINE_CHECK(options.generate > 0 ? results.forecasts.generation(context, model, request, options.generate) : results.forecasts.pass(context, model, request));
  if (options.generate > 0) {
    VITRINE_TRY(json made, generate_text(context, model, input, options, edits, results.text, tensors));
    result.push_back({{"generated", std::move(made)}});
    if (options.out.empty()) return {};
  }
  VITRINE_TRY(const auto done, engine::run_model(model, request, context.progress()));
  json taps = json::object();
  for (const auto& [name, tensor] : done->taps) taps[name] = tensor.shape();
  if (options.generate == 0) {
    const json outputs = outputs_json(model, done->outputs, options.top);
    result.push_back({{"outputs", outputs}, {"taps", taps}, {"milliseconds", done->milliseconds}});
    results.text += summary(input, {.outputs = done->outputs, .milliseconds = done->milliseconds, .blocks = done->blocks_computed}, outputs);
    for (const auto& [name, tensor] : done->taps) results.text += fmt::format("  {} {}\n", name, engine::shape_text(tensor.shape()));
  }
  if (options.out.empty()) return {};
  for (const auto* found : {&done->outputs, &done->taps}) tensors.insert(found->begin(), found->end());
  VITRINE_CHECK(write_tensors(options.out, tensors));
  results.text += fmt::format("wrote {} tensors to {}\n", tensors.size(), options.out);
  result.back()["written"] = options.out;
  return {};
}

/// Inputs of which nothing but the outputs is asked: texts together, without padding.
engine::Status run_together(Context& context, const engine::Model& model, const RunOptions& options, const engine::EditList& edits,
                            const std::vector<engine::PreparedInput>& inputs, Results& results) {
  std::vector<std::map<std::string, Tensor>> tensors;
  for (const engine::PreparedInput& input : inputs) tensors.push_back(input.tensors);
  VITRINE_CHECK(results.forecasts.together(context, model, tensors, edits));
  return engine::run_packed(model, tensors, edits, [&](const engine::PackedText& done) -> engine::Status {
    const json outputs = outputs_json(model, done.outputs, options.top);
    results.envelope.result.push_back({{"outputs", outputs}, {"taps", json::object()}, {"milliseconds", done.milliseconds}, {"together", done.together}});
    results.text += summary(inputs[done.text], done, outputs);
    return {};
  }, context.progress());
}

Result<int> run(Context& context, const RunOptions& options) {
  const Stopwatch watch;
  if (options.device == "cuda")
    return fail(ErrorCode::Unsupported, "expected a CUDA device for --device cuda, came none; --device auto runs on the processor");
  VITRINE_TRY(const engine::EditList edits, edits_of(options.edits));
  VITRINE_TRY(const auto items, items_of(options.input));
  if (items.empty()) return fail(ErrorCode::Usage, "expected an input (--text, --image, --tensors, ...), came none");
  if (!options.out.empty() && items.size() != 1)
    return fail(ErrorCode::Usage, fmt::format("expected one input with --out, came {}", items.size()));
  VITRINE_TRY(const auto model, open_model_of(context, options.model, options.dtype));
  Results results{{"run", model_json(*model), json::array(), json::array(), nullptr, 0}, {}, ForecastView(items.size())};
  const bool outputs_alone = options.generate == 0 && options.taps.empty() && options.out.empty();
  std::vector<engine::PreparedInput> waiting;
  for (const engine::InputItem& item : items) {
    VITRINE_TRY(engine::PreparedInput input, engine::prepare(*model, item));
    results.envelope.inputs.push_back(engine::input_item_to_json(item));
    if (!outputs_alone) {
      VITRINE_CHECK(run_tapped(context, *model, options, edits, input, results));
      continue;
    }
    waiting.push_back(std::move(input));
    if (waiting.size() < kTogether && &item != &items.back()) continue;
    VITRINE_CHECK(run_together(context, *model, options, edits, waiting, results));
    waiting.clear();
  }
  if (results.envelope.result.size() == 1) results.envelope.result = json(results.envelope.result[0]);
  results.envelope.timing_ms = watch.milliseconds();
  results.envelope.forecast = results.forecasts.json();
  if (context.json) context.print(to_json(results.envelope));
  else context.print(results.text);
  return 0;
}

}  // namespace

void add_run(CLI::App& root, Context& context) {
  auto* command = root.add_subcommand("run", "One forward pass, or greedy generation");
  auto options = std::make_shared<RunOptions>();
  command->add_option("MODEL", options->model, kModelHelp)->required();
  add_input_options(*command, options->input);
  add_repeated(*command, "--tap", options->taps, "Keep the hooks of this name or glob; with --generate also the patterns of its steps")->type_name("GLOB");
  command->add_option("--edit", options->edits, "Interventions: JSON, a file, or head:5.1=zero,mlp:3=mean");
  command->add_option("--generate", options->generate, "Write this many tokens, greedily")->check(CLI::Range(1, 100000));
  command->add_option("--top", options->top, "Predictions shown for each row")->check(CLI::Range(1, 1000));
  command->add_option("--dtype", options->dtype)->check(CLI::IsMember({"fp32", "bf16"}));
  command->add_option("--device", options->device)->check(CLI::IsMember({"auto", "cpu", "cuda"}));
  command->add_option("--out", options->out, "Write tapped tensors and outputs: .safetensors, .npz or .json");
  add_common_options(*command, context);
  command->callback([&context, options] {
    context.command_name = "run";
    context.command = [&context, options] { return run(context, *options); };
  });
}

}  // namespace vitrine::app
