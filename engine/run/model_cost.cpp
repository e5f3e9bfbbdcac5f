#include "engine/run/model_cost.h"

#include <algorithm>

#include <fmt/format.h>

#include "engine/model/build.h"

namespace vitrine::engine {

namespace {

/// Parameters whose canonical names begin so.
double weights_under(const Model::Parts& parts, const std::string& begin) {
  double values = 0;
  for (auto it = parts.weights.lower_bound(begin); it != parts.weights.end() && it->first.starts_with(begin); ++it)
    values += static_cast<double>(it->second.numel());
  return values;
}

LayerCost single(std::string path, std::string name, const Part* part, const PartLoad& load) {
  LayerCost layer{.path = std::move(path), .tokens = load.tokens, .sublayers = {}};
  const PartCost cost = part ? part->cost(load) : PartCost{};
  layer.live = cost.in + cost.out + cost.live;
  layer.sublayers.push_back({std::move(name), cost, cost.in + cost.out + 2 * cost.between});
  return layer;
}

SublayerCost cost_of(const BuiltSublayer& s, const PartLoad& load) {
  SublayerCost cost{s.name, s.part ? s.part->cost(load) : PartCost{}};
  cost.values = cost.part.in + cost.part.out + 2 * cost.part.between;
  for (const auto& post : s.post) {
    const PartCost after = post->cost(load);
    cost.part.linear_flops += after.linear_flops;
    cost.part.live += after.live;
    cost.values += after.in + after.out + 2 * after.between;
  }
  if (s.norm) cost.values += 2 * cost.part.in;
  if (s.residual) cost.values += 3 * cost.part.out;
  if (s.norm_after) cost.values += 2 * cost.part.out;
  return cost;
}

LayerCost cost_of(const BuiltBlock& block, const PartLoad& load) {
  LayerCost layer{.path = block.path, .tokens = load.tokens, .sublayers = {}};
  double stream = 0;
  for (const auto& s : block.sublayers) {
    layer.sublayers.push_back(cost_of(s, load));
    const PartCost& part = layer.sublayers.back().part;
    stream = std::max({stream, part.in, part.out});
    layer.live += part.live;
  }
  layer.live += 3 * stream;
  return layer;
}

std::vector<std::int64_t> image_of(const PartSpec& stem) {
  auto image = param_or(stem.params, "image", std::vector<std::int64_t>{224, 224});
  return image.size() == 2 ? image : std::vector<std::int64_t>{224, 224};
}

/// A picture's grid shrinks between stages; that of a text is none.
void halve(TokenGrid& grid, PartLoad& load) {
  if (grid.rows == 0) {
    load.tokens = (load.tokens + 3) / 4;
    return;
  }
  grid.rows = (grid.rows + 1) / 2;
  grid.cols = (grid.cols + 1) / 2;
  load.rows = grid.rows;
  load.cols = grid.cols;
  load.tokens = grid.tokens();
}

TowerCost cost_of(const Model& model, std::size_t t, const PartLoad& given) {
  const Model::Parts& parts = model.parts();
  const BuiltTower& tower = parts.built[t];
  TowerCost cost{.prefix = tower.prefix, .load = given, .tokens_out = 0, .layers = {}};
  PartLoad load = given;
  TokenGrid grid;
  if (const PartSpec& stem = model.spec().towers[t].stem; stem.part == "patch_embedding") {
    const auto image = image_of(stem);
    grid = token_grid(stem, image[0], image[1]);
    if (grid.tokens() != load.tokens) grid = {};
    load.rows = grid.rows;
    load.cols = grid.cols;
  }
  cost.layers.push_back(single(tower.prefix + "embed", "stem", tower.stem.get(), load));
  cost.layers.back().weights = weights_under(parts, tower.prefix + "embed");
  const auto merges_before = [&](int block) {
    for (std::size_t s = 0; s < tower.merges.size(); ++s) {
      const BuiltMerge& merge = tower.merges[s];
      if (merge.before_block != block || !merge.part) continue;
      const std::string path = fmt::format("{}stages.{}.downsample", tower.prefix, s);
      cost.layers.push_back(single(path, "merge", merge.part.get(), load));
      cost.layers.back().weights = weights_under(parts, path + ".");
      if (merge.part->halves_grid()) halve(grid, load);
    }
  };
  for (std::size_t b = 0; b < tower.blocks.size(); ++b) {
    merges_before(static_cast<int>(b));
    cost.layers.push_back(cost_of(tower.blocks[b], load));
    cost.layers.back().weights = weights_under(parts, tower.blocks[b].path + ".");
  }
  merges_before(static_cast<int>(tower.blocks.size()));
  cost.tokens_out = load.tokens;
  return cost;
}

/// Heads read the tower that they name, or go on from one that does.
void add_heads(const Model& model, std::vector<TowerCost>& towers) {
  std::map<std::string, std::pair<TowerCost*, PartLoad>> outputs;
  for (std::size_t h = 0; h < model.parts().heads.size(); ++h) {
    const BuiltHead& head = model.parts().heads[h];
    TowerCost* tower = nullptr;
    PartLoad load;
    if (!head.from.empty()) {
      const auto found = outputs.find(head.from);
      if (found == outputs.end()) continue;
      std::tie(tower, load) = found->second;
    } else {
      for (TowerCost& each : towers)
        if (each.prefix == head.tower) tower = &each;
      if (!tower) continue;
      load = tower->load;
      load.tokens = tower->tokens_out;
    }
    for (std::size_t s = 0; s < head.steps.size(); ++s) {
      const auto& step = *head.steps[s];
      if (step.pools()) load.tokens = 1;
      const PartSpec& spec = model.spec().heads[h].steps[s];
      LayerCost layer = single("head " + head.output, spec.part, &step, load);
      layer.weights = weights_under(model.parts(), param_or<std::string>(spec.params, "name", spec.part) + ".");
      if (layer.flops() > 0) tower->layers.push_back(std::move(layer));
    }
    if (!head.output.empty()) outputs[head.output] = {tower, load};
  }
}

bool has_vocabulary(const Model& model, const std::string& tower) {
  for (const auto& head : model.spec().heads)
    for (const auto& step : head.steps)
      if (head.tower == tower && step.part == "unembed") return true;
  return false;
}

}  // namespace

double LayerCost::flops() const {
  double sum = 0;
  for (const auto& s : sublayers) sum += s.part.flops();
  return sum;
}

double LayerCost::values() const {
  double sum = 0;
  for (const auto& s : sublayers) sum += s.values;
  return sum;
}

double LayerCost::state() const {
  double sum = 0;
  for (const auto& s : sublayers) sum += s.part.state;
  return sum;
}

double TowerCost::flops() const {
  double sum = 0;
  for (const auto& layer : layers) sum += layer.flops();
  return sum;
}

double TowerCost::weights_read() const {
  double sum = 0;
  for (const auto& layer : layers)
    if (layer.flops() > 0) sum += layer.weights;
  return sum;
}

double TowerCost::state() const {
  double sum = 0;
  for (const auto& layer : layers) sum += layer.state();
  return sum;
}

const LayerCost* TowerCost::widest() const {
  const auto found = std::max_element(layers.begin(), layers.end(), [](const LayerCost& a, const LayerCost& b) { return a.live < b.live; });
  return found == layers.end() ? nullptr : &*found;
}

ModelLoad load_of(const Model& model, const std::map<std::string, Tensor>& inputs) {
  ModelLoad load;
  for (const auto& tower : model.spec().towers)
    if (const TowerSize s = size_of(tower, inputs); s.batch > 0) load[tower.prefix] = {.batch = s.batch, .tokens = s.tokens};
  for (const auto& tower : model.spec().towers)
    if (load.contains(tower.prefix) && load.contains(tower.memory) && tower.memory != tower.prefix) load[tower.prefix].memory = load[tower.memory].tokens;
  return load;
}

ModelLoad load_for(const Model& model, std::int64_t batch, std::int64_t tokens) {
  ModelLoad load;
  for (const auto& tower : model.spec().towers) {
    PartLoad& one = load[tower.prefix] = {.batch = batch, .tokens = tokens, .memory = tokens};
    if (tower.stem.part != "patch_embedding") continue;
    const auto image = image_of(tower.stem);
    one.tokens = token_grid(tower.stem, image[0], image[1]).tokens();
  }
  return load;
}

ModelLoad step_for(const Model& model, std::int64_t batch, std::int64_t before) {
  ModelLoad load;
  for (const auto& tower : model.spec().towers)
    if (tower.stem.part == "token_embedding" && has_vocabulary(model, tower.prefix)) load[tower.prefix] = {.batch = batch, .tokens = 1, .before = before, .memory = before};
  return load;
}

std::vector<TowerCost> model_cost(const Model& model, const ModelLoad& load) {
  std::vector<TowerCost> towers;
  for (std::size_t t = 0; t < model.parts().built.size(); ++t)
    if (const auto found = load.find(model.parts().built[t].prefix); found != load.end() && found->second.batch > 0 && found->second.tokens > 0)
      towers.push_back(cost_of(model, t, found->second));
  add_heads(model, towers);
  return towers;
}

}  // namespace vitrine::engine
