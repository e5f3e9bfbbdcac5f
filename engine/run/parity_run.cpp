#include "engine/run/parity_run.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <fmt/format.h>

#include "engine/mixers/attention_map.h"
#include "engine/model/build.h"
#include "engine/nn/rope.h"
#include "engine/run/parity_compare.h"
#include "engine/run/pass.h"
#include "engine/run/resolve.h"
#include "engine/tensor/guard.h"
#include "engine/tensor/ops.h"

namespace vitrine::engine {

namespace {

constexpr double kMapTolerance = 1e-5;
constexpr double kSafeMargin = 5e-3;

bool is_generation(const std::string& name) {
  return name.starts_with("gen.") || name == "greedy" || name.starts_with("greedy.");
}
bool is_top(const std::string& name) { return name.starts_with("top") && (name.ends_with(".ids") || name.ends_with(".values")); }

}  // namespace

bool is_of_eval_set(const std::string& name) { return name.starts_with("eval.") || name.starts_with("counts."); }

namespace {

int index_of(const std::vector<std::string>& axes, std::initializer_list<const char*> names) {
  for (std::size_t i = 0; i < axes.size(); ++i)
    for (const char* name : names)
      if (axes[i] == name) return static_cast<int>(i);
  return -1;
}

}  // namespace

ParityRun::ParityRun(const Model& model, const ParityCase& on, const ParityVariant& variant, std::string group,
                     const ParityOptions& options, std::vector<ParityRow>& rows, bool eval_set)
    : eval_set_(eval_set), model_(model), case_(on), variant_(variant), group_(std::move(group)), options_(options), rows_(rows) {
  names_.towers = model.towers();
  names_.codebooks = model.codebooks();
  for (const HookInfo& hook : model.hooks()) names_.hooks.insert(hook.name);
  if (model.spec().outputs.is_object()) names_.own = model.spec().outputs;
  const auto take = [&](const std::map<std::string, HostTensor>& from, std::map<std::string, HostTensor>& to) {
    for (const auto& [name, tensor] : from)
      if (name.starts_with(group_)) to[name.substr(group_.size())] = tensor;
  };
  take(on.inputs, inputs_);
  take(variant.expected, expected_);
  // A library that lists the embedding first has one entry more than blocks.
  if (!names_.towers.empty())
    names_.hidden_counts_embedding = expected_.contains(fmt::format("hidden.{}", names_.towers.front().layers));
}

std::string ParityRun::shown(const std::string& name) const {
  return (variant_.label.empty() ? "" : variant_.label + "/") + group_ + name;
}

double ParityRun::atol(const std::string& name, const HostTensor& expected) const {
  if (options_.atol) return *options_.atol;
  (void)expected;
  return case_.atol(name);
}

const HostTensor* ParityRun::input(const std::string& name) const {
  const auto it = inputs_.find(name);
  return it == inputs_.end() ? nullptr : &it->second;
}

const HostTensor* ParityRun::mask_of(const ParityExpression& expression) const {
  const bool has_decoder = std::any_of(names_.towers.begin(), names_.towers.end(),
                                       [](const TowerInfo& tower) { return tower.prefix == "decoder."; });
  const bool decoder = expression.name.starts_with("decoder.") || (expression.kind == "output" && has_decoder);
  if (expression.name.starts_with("vision.")) return nullptr;
  return input(decoder ? "decoder_attention_mask" : "attention_mask");
}

const MixerInfo* ParityRun::mixer(const std::string& block, bool cross) const {
  for (const TowerInfo& tower : names_.towers)
    for (const MixerInfo& info : cross ? tower.cross : tower.mixers)
      if (info.block == block) return &info;
  return nullptr;
}

void ParityRun::plan_taps(const ParityExpression& expression, std::vector<std::string>& taps,
                          std::vector<std::string>& patterns) const {
  const auto tap = [&](const std::string& hook) {
    if (names_.hooks.contains(hook)) taps.push_back(hook);
  };
  if (expression.kind == "hook") tap(expression.name);
  if (expression.kind == "pattern" || expression.kind == "cross") {
    const MixerInfo* info = mixer(expression.name, expression.kind == "cross");
    if (info && names_.hooks.contains(info->site + ".hook_pattern")) patterns.push_back(info->site + ".hook_pattern");
  }
  if (expression.kind == "stage") {
    tap(expression.name + ".hook_out");
    tap(last_block(expression.name) + ".hook_resid_post");
  }
  if (expression.kind != "layers" || names_.towers.empty()) return;
  const auto of = expression.name.find(" of ");
  const std::string suffix = of == std::string::npos ? expression.name : expression.name.substr(of + 4);
  for (int i = 0; i < names_.towers.front().layers; ++i)
    tap(fmt::format("{}blocks.{}.{}", names_.towers.front().prefix, i, suffix));
}

/// "stages.1" -> its last block.
std::string ParityRun::last_block(const std::string& stage) const {
  std::string last;
  for (int b = 0; names_.hooks.contains(fmt::format("{}.blocks.{}.hook_resid_post", stage, b)); ++b)
    last = fmt::format("{}.blocks.{}", stage, b);
  return last;
}

Result<std::map<std::string, Tensor>> ParityRun::run_inputs() const {
  std::map<std::string, Tensor> given;
  for (const auto& [name, tensor] : inputs_)
    if (!is_generation(name) && name != "labels" && !name.ends_with("_u8")) given[name] = from_host(tensor);
  if (given.empty())
    return fail_file(ErrorCode::FileFormat, (case_.folder / "input.safetensors").string(), "expected inputs of the model, came none");
  return given;
}

Result<ParityRun::Found> ParityRun::find_map(const ParityExpression& expression) const {
  const MixerInfo* info = mixer(expression.name, false);
  const auto it = info ? run_->maps.find(info->site) : run_->maps.end();
  if (it == run_->maps.end())
    return fail(ErrorCode::InvalidInput, fmt::format("no mixing map in {}", expression.name));
  const MixingMap& map = *it->second;
  Found found;
  found.where = info->site + (expression.kind == "map" ? " map" : expression.kind == "map_values" ? " map values" : " map output");
  found.token_axis = 2;
  found.first_of_heads = true;
  if (expression.kind == "map_values") {
    found.tensor = to_host(map.values());
    return found;
  }
  if (expression.kind == "map_output") {
    found.tensor = to_host(map.output());
    return found;
  }
  found.tensor.shape = {map.batch(), map.heads(), map.rows(), map.cols()};
  for (int b = 0; b < map.batch(); ++b)
    for (int h = 0; h < map.heads(); ++h) {
      VITRINE_TRY(const Tensor tile, map.tile(b, h, 0, map.rows(), 0, map.cols()));
      const auto values = tile.to_floats();
      found.tensor.values.insert(found.tensor.values.end(), values.begin(), values.end());
    }
  return found;
}

/// The table [token, d_head] of a rotary embedding, halves repeated: what it makes of a vector of ones before zeros.
Result<ParityRun::Found> ParityRun::find_rope(const ParityExpression& expression) const {
  const HostTensor* ids = input("input_ids");
  const auto& towers = model_.spec().towers;
  if (!ids || ids->shape.size() != 2 || towers.empty() || towers[0].stages.empty() || towers[0].stages[0].blocks.empty() || names_.towers[0].mixers.empty())
    return fail(ErrorCode::InvalidInput, "no rotary embedding in the model");
  const int d_head = names_.towers[0].mixers[0].d_head;
  for (const auto& sublayer : towers[0].stages[0].blocks[0].sublayers) {
    const auto rope = sublayer.part.params.find("rope");
    if (rope == sublayer.part.params.end() || !rope->is_object()) continue;
    VITRINE_TRY(const Rope rotary, Rope::from_json(*rope, d_head));
    Found found;
    found.where = "rotary table";
    VITRINE_CHECK(guard([&] {
      const std::int64_t tokens = ids->shape[1], half = d_head / 2;
      const Tensor x = cat({ones({1, 1, tokens, half}), zeros({1, 1, tokens, half})}, 3);
      const Tensor turned = select(select(rotary.apply(x, arange(tokens)), 0, 0), 0, 0);
      const std::int64_t begin = expression.name == "cos" ? 0 : half;
      const Tensor part = slice(turned, 1, begin, begin + half);
      found.tensor = to_host(cat({part, part}, 1));
    }));
    return found;
  }
  return fail(ErrorCode::InvalidInput, "no rotary embedding in the model");
}

Result<ParityRun::Found> ParityRun::find_windows(const ParityExpression& expression) const {
  const MixerInfo* info = mixer(expression.name, false);
  const auto it = info ? run_->maps.find(info->site) : run_->maps.end();
  const auto* tokens = it == run_->maps.end() ? nullptr : window_tokens(*it->second);
  if (!tokens) return fail(ErrorCode::InvalidInput, fmt::format("no windows in {}", expression.name));
  Found found;
  found.where = info->site + " windows";
  found.tensor.integer = true;
  found.tensor.shape = {static_cast<std::int64_t>(tokens->size()), static_cast<std::int64_t>(tokens->front().size())};
  for (const auto& window : *tokens)
    for (std::int64_t token : window) found.tensor.values.push_back(static_cast<float>(token));
  return found;
}

/// What a hook of a block would be if its first sublayer read `from`: the same norm and the same part once more.
Result<HostTensor> ParityRun::reread(int layer, const std::string& suffix, const std::string& from) const {
  const std::string path = fmt::format("{}blocks.{}", names_.towers.front().prefix, layer);
  const auto given = run_->taps.find(path + "." + from);
  if (given == run_->taps.end()) return fail(ErrorCode::InvalidInput, fmt::format("no hook {} in block {}", from, layer));
  const BuiltBlock* block = nullptr;
  for (const BuiltTower& tower : model_.parts().built)
    for (const BuiltBlock& candidate : tower.blocks)
      if (candidate.path == path) block = &candidate;
  if (!block || block->sublayers.empty() || !block->sublayers.front().part)
    return fail(ErrorCode::InvalidInput, fmt::format("no sublayer in {}", path));
  VITRINE_TRY(const auto taps, resolve_taps(model_, {path + "." + suffix}));
  Run run;
  const ResolvedEdits none;
  auto body = [&]() -> Status {
    const InferenceScope no_gradients;
    RunPass pass(model_, none, taps, run);
    pass.inputs = run_->inputs;
    pass.capture_maps = false;
    const BuiltSublayer& first = block->sublayers.front();
    const Tensor x = first.norm ? first.norm->forward(given->second, pass) : given->second;
    (void)first.part->forward(x, pass);
    return {};
  };
  VITRINE_CHECK(guard(body, ErrorCode::InvalidInput));
  const auto it = run.taps.find(path + "." + suffix);
  if (it == run.taps.end()) return fail(ErrorCode::InvalidInput, fmt::format("no hook {} in block {}", suffix, layer));
  return to_host(it->second);
}

Result<HostTensor> ParityRun::find_layers(const ParityExpression& expression) const {
  const auto of = expression.name.find(" of ");
  const std::string suffix = expression.name.substr(0, of);
  std::vector<HostTensor> layers;
  for (int i = 0; i < names_.towers.front().layers; ++i) {
    if (of != std::string::npos) {
      VITRINE_TRY(HostTensor layer, reread(i, suffix, expression.name.substr(of + 4)));
      layers.push_back(std::move(layer));
      continue;
    }
    const auto it = run_->taps.find(fmt::format("{}blocks.{}.{}", names_.towers.front().prefix, i, suffix));
    if (it == run_->taps.end()) return fail(ErrorCode::InvalidInput, fmt::format("no hook {} in block {}", suffix, i));
    layers.push_back(to_host(it->second));
  }
  return stack(layers);
}

Result<ParityRun::Found> ParityRun::find_source(const ParityExpression& expression) const {
  if (expression.kind.starts_with("map")) return find_map(expression);
  if (expression.kind == "windows") return find_windows(expression);
  if (expression.kind == "rope") return find_rope(expression);
  Found found;
  if (expression.kind == "layers") {
    VITRINE_TRY(found.tensor, find_layers(expression));
    found.where = expression.name + " of every block";
    return found;
  }
  std::string hook = expression.name;
  if (expression.kind == "pattern" || expression.kind == "cross") {
    const MixerInfo* info = mixer(expression.name, expression.kind == "cross");
    if (!info) return fail(ErrorCode::InvalidInput, fmt::format("no attention in {}", expression.name));
    hook = info->site + ".hook_pattern";
    found.first_of_heads = true;
  }
  if (expression.kind == "output" || expression.kind == "input") {
    const auto& from = expression.kind == "output" ? run_->outputs : run_->inputs;
    const auto it = from.find(expression.name);
    if (it == from.end()) return fail(ErrorCode::InvalidInput, fmt::format("no {} '{}'", expression.kind, expression.name));
    found.tensor = to_host(it->second);
    found.where = expression.kind + " " + expression.name;
    if (found.tensor.shape.size() >= 3) found.token_axis = 1;
    return found;
  }
  const auto& taps = hook.ends_with(".hook_pattern") && patterns_ ? patterns_->taps : run_->taps;
  const auto it = taps.find(hook);
  if (it == taps.end()) return fail(ErrorCode::InvalidInput, fmt::format("no hook '{}'", hook));
  found.tensor = to_host(it->second);
  found.where = hook;
  for (const HookInfo& info : model_.hooks())
    if (info.name == hook) found.token_axis = index_of(info.axes, {"query", "token"});
  return found;
}

Result<ParityRun::Found> ParityRun::find(const ParityExpression& expression) const {
  VITRINE_TRY(Found found, find_source(expression));
  ParityOperands operands;
  operands.input_ids = input("input_ids");
  operands.mask = mask_of(expression);
  if (const HostTensor* pixels = input("pixel_values"); pixels && found.tensor.shape.size() == 3) {
    // Without a grid of its own the patches are what remains of a square.
    const auto side = static_cast<std::int64_t>(std::sqrt(static_cast<double>(found.tensor.shape[1])));
    operands.first_patch = found.tensor.shape[1] - side * side;
  }
  for (const std::string& op : expression.ops) {
    VITRINE_TRY(found.tensor, apply_parity_op(op, std::move(found.tensor), operands));
    found.where += " | " + op;
    if (op != "squeeze" && op != "abs" && !op.starts_with("slice")) found.token_axis = -1;
  }
  return found;
}

void ParityRun::compare(const std::string& name, const HostTensor& expected) {
  ParityRow row;
  row.name = shown(name);
  auto expression = resolve_parity_name(name, names_);
  if (expression && expression->kind == "stage") {
    // A library may put the reduction between two stages at the end of the first or at the start of the second.
    const auto reduced = run_->taps.find(expression->name + ".hook_out");
    const bool after = reduced != run_->taps.end() && reduced->second.numel() == expected.numel();
    expression->name = after ? expression->name + ".hook_out" : last_block(expression->name) + ".hook_resid_post";
    expression->kind = "hook";
  }
  auto found = expression ? find(*expression) : Result<Found>(fail(ErrorCode::InvalidInput, "no table knows the name"));
  if (!found) {
    row.note = found.error().message;
    rows_.push_back(std::move(row));
    return;
  }
  row.found = found->where;
  ParityRule rule;
  rule.atol = atol(name, expected);
  rule.mask = mask_of(*expression);
  rule.token_axis = found->token_axis;
  rule.first_of_heads = found->first_of_heads;
  rule.counts = name.starts_with("counts.");
  compare_parity(expected, std::move(found->tensor), rule, row);
  rows_.push_back(std::move(row));
  if (expression->kind == "pattern" || expression->kind == "cross") compare_map_of(name, *expression, expected);
}

/// `dequantised.NAME`: a tensor of the weights file in file order.
void ParityRun::compare_weight(const std::string& name, const HostTensor& expected) {
  ParityRow row;
  row.name = shown(name);
  const std::string stored = name.substr(name.find('.') + 1);
  const TensorEntry* entry = model_.checkpoint().find(stored);
  auto values = entry ? model_.checkpoint().read_f32(*entry) : Result<std::vector<float>>(fail(ErrorCode::InvalidInput, "no tensor of that name in the file"));
  if (!values) {
    row.note = values.error().message;
  } else {
    row.found = "file " + stored;
    ParityRule rule;
    rule.atol = 1e-6;
    compare_parity(expected, HostTensor{entry->shape, std::move(*values), false, false}, rule, row);
  }
  rows_.push_back(std::move(row));
}

/// The lazy map must give the same numbers as the pattern that the reference computed.
void ParityRun::compare_map_of(const std::string& name, const ParityExpression& expression, const HostTensor& expected) {
  const MixerInfo* info = mixer(expression.name, expression.kind == "cross");
  const auto it = info ? run_->maps.find(info->site) : run_->maps.end();
  ParityRow row;
  row.name = shown(name) + " (map)";
  if (it == run_->maps.end() || expected.shape.size() != 4) {
    row.note = "no mixing map";
    rows_.push_back(std::move(row));
    return;
  }
  const auto inner = window_inner(*it->second);
  const MixingMap& map = inner ? *inner : *it->second;
  HostTensor ours;
  const auto batch = std::min<std::int64_t>(map.batch(), expected.shape[0]);
  ours.shape = {batch, map.heads(), map.rows(), map.cols()};
  for (int b = 0; b < batch; ++b)
    for (int h = 0; h < map.heads(); ++h) {
      auto tile = map.tile(b, h, 0, map.rows(), 0, map.cols());
      if (!tile) {
        row.note = tile.error().message;
        rows_.push_back(std::move(row));
        return;
      }
      const auto values = tile->to_floats();
      ours.values.insert(ours.values.end(), values.begin(), values.end());
    }
  row.found = info->site + " map";
  ParityRule rule;
  // 16-bit values of the dump are themselves rounded by more than the map's tolerance.
  rule.atol = expected.half ? atol(name, expected) : std::min(kMapTolerance, atol(name, expected));
  rule.mask = mask_of(expression);
  rule.token_axis = 2;
  compare_parity(expected, std::move(ours), rule, row);
  rows_.push_back(std::move(row));
}

/// Every map of the run, applied to its values, must be what the mixer really produced.
void ParityRun::check_maps() {
  ParityRow row;
  row.name = shown("map x values = output");
  row.allowed = options_.atol.value_or(1e-4);
  row.max_abs_diff = 0;
  row.state = ParityRow::State::Pass;
  for (const auto& [site, map] : run_->maps) {
    const double size = std::max(1.0, max_abs(map->output()));
    for (int b = 0; b < map->batch(); ++b)
      for (int h = 0; h < map->heads(); ++h) {
        auto residual = map_residual(*map, b, h);
        const double difference = residual ? *residual / size : std::numeric_limits<double>::infinity();
        if (!(difference <= row.max_abs_diff)) {
          row.max_abs_diff = difference;
          row.found = fmt::format("{} batch {} head {}", site, b, h);
        }
        if (!residual) row.note = residual.error().message;
      }
  }
  if (run_->maps.empty()) return;
  if (!(row.max_abs_diff <= row.allowed)) row.state = ParityRow::State::Fail;
  if (row.note.empty()) row.note = fmt::format("{} maps; relative to the largest output above 1", run_->maps.size());
  rows_.push_back(std::move(row));
}

Status ParityRun::go(const Progress& progress, bool maps) {
  RunRequest request;
  VITRINE_TRY(request.inputs, run_inputs());
  request.keep_residuals = false;
  request.capture_maps = maps;
  std::vector<std::string> patterns;
  for (const auto& [name, tensor] : expected_)
    if (const auto expression = resolve_parity_name(name, names_)) plan_taps(*expression, request.taps, patterns);
  VITRINE_TRY(run_, run_model(model_, request, progress));
  if (!patterns.empty()) {
    request.taps = patterns;
    request.capture_maps = false;
    VITRINE_TRY(patterns_, run_model(model_, request, progress));
  }
  for (const auto& [name, tensor] : expected_) {
    VITRINE_CHECK(progress.step(0.9, shown(name)));
    if (is_generation(name) || (!eval_set_ && is_of_eval_set(name))) continue;
    if (is_top(name)) {
      if (name.ends_with(".ids")) compare_top(name.substr(0, name.size() - 4));
      else if (!expected_.contains(name.substr(0, name.size() - 7) + ".ids")) compare(name, tensor);
      continue;
    }
    if (name.starts_with("dequantised.")) compare_weight(name, tensor);
    else compare(name, tensor);
  }
  if (maps) check_maps();
  return compare_generation(progress);
}

/// `topK.ids` and `topK.values`: our logit of each named id must be the value named, and among our K largest.
void ParityRun::compare_top(const std::string& stem) {
  const HostTensor& ids = expected_.at(stem + ".ids");
  ParityRow row;
  row.name = shown(stem);
  row.found = "output logits by id";
  auto logits = find({"output", "logits", {}, {}});
  if (!logits || logits->tensor.shape.size() != 3 || ids.shape.empty()) {
    row.note = "no output 'logits'";
    rows_.push_back(std::move(row));
    return;
  }
  const std::int64_t k = ids.shape.back(), vocab = logits->tensor.shape[2], rows = ids.numel() / k;
  const std::int64_t all = logits->tensor.numel() / vocab;
  const auto values = expected_.find(stem + ".values");
  row.allowed = atol(stem + ".values", ids);
  row.max_abs_diff = 0;
  for (std::int64_t r = 0; r < rows; ++r) {
    // Fewer rows than positions: the last ones.
    std::vector<float> line(logits->tensor.values.begin() + (all - rows + r) * vocab,
                            logits->tensor.values.begin() + (all - rows + r + 1) * vocab);
    std::vector<float> best = line;
    std::partial_sort(best.begin(), best.begin() + k, best.end(), std::greater<>());
    for (std::int64_t j = 0; j < k; ++j) {
      const auto at = static_cast<std::size_t>(r * k + j);
      const auto id = static_cast<std::int64_t>(ids.values[at]);
      if (id < 0 || id >= vocab) return;
      const double ours = line[static_cast<std::size_t>(id)];
      row.max_abs_diff = std::max(row.max_abs_diff, std::abs(ours - best[static_cast<std::size_t>(j)]));
      if (values != expected_.end())
        row.max_abs_diff = std::max(row.max_abs_diff, std::abs(ours - values->second.values[at]));
    }
  }
  row.state = row.max_abs_diff <= row.allowed ? ParityRow::State::Pass : ParityRow::State::Fail;
  rows_.push_back(std::move(row));
}

Status ParityRun::compare_greedy(const std::string& key, const std::vector<std::int64_t>& prompt, const HostTensor& ids,
                                 const HostTensor* margins, const Progress& progress) {
  ParityRow row;
  row.name = shown(key);
  row.found = "greedy generation";
  row.state = ParityRow::State::Fail;
  const auto n = static_cast<std::int64_t>(prompt.size());
  auto made = generate(model_, {{"input_ids", Tensor::from_ints(prompt, {1, n})}}, static_cast<int>(ids.numel()), {}, progress);
  if (!made) {
    if (made.error().code == ErrorCode::Cancelled) return tl::unexpected(made.error());
    row.note = made.error().message;
    rows_.push_back(std::move(row));
    return {};
  }
  std::int64_t same = 0, wanted = ids.numel();
  for (std::int64_t i = 0; margins && i < margins->numel() && i < wanted; ++i)
    if (margins->values[static_cast<std::size_t>(i)] <= kSafeMargin) wanted = i + 1;
  while (same < wanted && same < static_cast<std::int64_t>(made->ids.size()) &&
         made->ids[static_cast<std::size_t>(same)] == static_cast<std::int64_t>(ids.values[static_cast<std::size_t>(same)]))
    ++same;
  row.max_abs_diff = static_cast<double>(wanted - same);
  row.allowed = 0;
  row.note = fmt::format("{} of {} tokens are the same", same, wanted);
  if (same == wanted) row.state = ParityRow::State::Pass;
  rows_.push_back(std::move(row));
  const auto logits = expected_.find("gen.logits");
  if (!key.starts_with("gen.ids") || logits == expected_.end() || key != "gen.ids_cache") return {};
  HostTensor ours;
  ours.shape = logits->second.shape;
  for (const Tensor& step : made->logits) {
    const auto values = step.to_floats();
    ours.values.insert(ours.values.end(), values.begin(), values.end());
  }
  ParityRow more;
  more.name = shown("gen.logits");
  more.found = "greedy generation";
  ParityRule rule;
  rule.atol = atol("logits", logits->second);
  if (static_cast<std::int64_t>(ours.values.size()) != ours.numel()) ours.shape = {static_cast<std::int64_t>(ours.values.size())};
  compare_parity(logits->second, std::move(ours), rule, more);
  rows_.push_back(std::move(more));
  return {};
}

Status ParityRun::compare_generation(const Progress& progress) {
  const auto ints = [](const HostTensor& x) {
    std::vector<std::int64_t> ids;
    for (float v : x.values) ids.push_back(static_cast<std::int64_t>(v));
    return ids;
  };
  bool logits_done = false;
  for (const auto& [name, tensor] : expected_) {
    if (!is_generation(name) || name == "greedy.top1_minus_top2" || name == "gen.logits") continue;
    const HostTensor* prompt = name.starts_with("gen.") ? input("gen.prompt_ids") : input("input_ids");
    if (!prompt || prompt->shape.empty()) {
      rows_.push_back({shown(name), "", ParityRow::State::Unknown, -1, -1, "no prompt for it"});
      continue;
    }
    std::vector<std::int64_t> ids = ints(*prompt);
    HostTensor wanted = tensor;
    if (name == "greedy") {
      // Prompt and continuation in one: every common prefix has the same greedy continuation.
      const std::int64_t width = prompt->shape.back();
      std::int64_t same = 0;
      while (same < width && same < tensor.numel() && ids[static_cast<std::size_t>(same)] == static_cast<std::int64_t>(tensor.values[static_cast<std::size_t>(same)])) ++same;
      ids.resize(static_cast<std::size_t>(same));
      wanted.values.erase(wanted.values.begin(), wanted.values.begin() + same);
      wanted.shape = {static_cast<std::int64_t>(wanted.values.size())};
    }
    const auto margins = expected_.find("greedy.top1_minus_top2");
    VITRINE_CHECK(compare_greedy(name, ids, wanted, name == "greedy.ids" && margins != expected_.end() ? &margins->second : nullptr, progress));
    logits_done |= name == "gen.ids_cache";
  }
  if (expected_.contains("gen.logits") && !logits_done)
    rows_.push_back({shown("gen.logits"), "", ParityRow::State::Unknown, -1, -1, "no gen.ids_cache beside it"});
  return {};
}

}  // namespace vitrine::engine
