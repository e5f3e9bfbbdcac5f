#pragma once

#include <map>
#include <string>
#include <vector>

#include "engine/nn/part_cost.h"
#include "engine/run/forecast_memory.h"

namespace vitrine::engine {

class Model;

/// One sublayer of a block, with its norm, what stands between it and the residual, and the sum.
struct SublayerCost {
  std::string name;                  ///< "attn", "mlp"
  PartCost part;
  double values = 0;                 ///< activations read and written, without those of the mixing
};

/// A block, or what stands before, between and after blocks.
struct LayerCost {
  std::string path;                  ///< "blocks.3", "stem", "merge", "head"
  std::int64_t tokens = 0;
  std::vector<SublayerCost> sublayers;
  double weights = 0;                ///< parameters
  /// Values that are there at one time at most: the stream, what it is normed to and what comes out, and what each sublayer holds.
  /// The memory pool gives a tensor only to one of about its size, so what sublayers hold adds up.
  double live = 0;

  [[nodiscard]] double flops() const;
  [[nodiscard]] double values() const;
  [[nodiscard]] double state() const;
};

struct TowerCost {
  std::string prefix;
  PartLoad load;
  std::int64_t tokens_out = 0;       ///< after the last block
  std::vector<LayerCost> layers;     ///< in the order of the pass

  [[nodiscard]] double flops() const;
  /// Parameters that a pass reads: those of its blocks and heads, not of tables of which rows are looked up.
  [[nodiscard]] double weights_read() const;
  [[nodiscard]] double state() const;
  [[nodiscard]] const LayerCost* widest() const;   ///< the layer that sets the peak of activations
};

/// What each tower is asked to do by prefix; towers without a load do nothing.
using ModelLoad = std::map<std::string, PartLoad>;

/// Of the inputs of a pass.
[[nodiscard]] ModelLoad load_of(const Model& model, const std::map<std::string, Tensor>& inputs);
/// Of `batch` texts of `tokens` tokens and as many pictures of the model's own size.
[[nodiscard]] ModelLoad load_for(const Model& model, std::int64_t batch, std::int64_t tokens);
/// One more token of each of `batch` texts after `before`: only of towers that end in logits over a vocabulary.
[[nodiscard]] ModelLoad step_for(const Model& model, std::int64_t batch, std::int64_t before);

/// Every layer's cost, from its parts; nothing is computed. @cost the number of parts
[[nodiscard]] std::vector<TowerCost> model_cost(const Model& model, const ModelLoad& load);

}  // namespace vitrine::engine
