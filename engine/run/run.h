#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/core/error.h"
#include "engine/core/progress.h"
#include "engine/mixers/mixing_map.h"
#include "engine/run/edit.h"
#include "engine/tensor/tensor.h"

namespace vitrine::engine {

class Model;

struct RunRequest {
  std::map<std::string, Tensor> inputs;
  EditList edits;
  std::vector<std::string> taps;         ///< globs over hook names
  bool capture_maps = true;              ///< keep Q, K, log-sum-exp of every mixer
  bool keep_residuals = true;            ///< at block boundaries, for reuse and trajectories
  bool differentiable = false;           ///< plain operators, gates on every head; see `Run::head_gates`
  std::string upto;                      ///< stop after this block ("blocks.3"); empty: to the end
  /// Tokens of each of several texts that lie end to end in one row (see `packed_request`); empty: one input. Needs
  /// `can_pack`, no maps, no gradients and no parent.
  std::vector<std::int64_t> segments;
  std::shared_ptr<const class Run> parent;  ///< same inputs: its residuals are reused up to the first block touched
};

/// One forward pass and what was kept of it.
class Run {
 public:
  /// Outputs by name: "logits", "last_hidden_state", "pooler_output", "logits_per_image", ...
  std::map<std::string, Tensor> outputs;
  /// The outputs of each of several texts in one row; `outputs` then holds the last hidden state of the row alone.
  std::vector<std::map<std::string, Tensor>> of_segments;
  /// Tapped hooks.
  std::map<std::string, Tensor> taps;
  /// Residual stream entering block i of a tower, i = 0 .. n (n: after the last), key "prefix" + index.
  std::map<std::string, std::vector<Tensor>> residuals;
  /// Mixing maps by mixer site ("blocks.3.attn").
  std::map<std::string, std::shared_ptr<const MixingMap>> maps;
  /// differentiable: per mixer site a gate [batch, head] of ones that multiplies z.
  std::map<std::string, Tensor> head_gates;
  std::map<std::string, Tensor> inputs;
  EditList edits;
  int blocks_computed = 0, blocks_reused = 0;
  double milliseconds = 0;
};

/// Refuses a pass that would not fit into the memory that is free. @error DoesNotFit with the number that is missing
[[nodiscard]] Status check_memory(const Model& model, const RunRequest& request);

/// Runs the model. @error DoesNotFit before anything is computed, with what is needed and what is free; ShapeMismatch; Cancelled
[[nodiscard]] Result<std::shared_ptr<const Run>> run_model(const Model& model, const RunRequest& request,
                                                          const Progress& progress = {});

/// What a process takes above one that is idle. bytes
struct Forecast {
  std::int64_t weights_bytes = 0;        ///< in memory, without those that stay in their file
  std::int64_t packed_bytes = 0;         ///< copies of weights for the quick path
  std::int64_t streamed_bytes = 0;       ///< of weights that stay in their file; of these a part at a time is there
  std::int64_t activation_bytes = 0, peak_bytes = 0;
  double flops = 0, seconds = 0;
};
/// Predicted before anything is computed.
[[nodiscard]] Result<Forecast> forecast(const Model& model, const RunRequest& request);
/// Its memory alone, without timing anything. bytes
[[nodiscard]] std::int64_t forecast_activations(const Model& model, const RunRequest& request);
/// By how much the process grows at most in a pass over an opened model. bytes
[[nodiscard]] std::int64_t forecast_growth(const Model& model, const RunRequest& request);

struct Generation {
  std::vector<std::int64_t> ids;         ///< the new tokens only
  std::vector<Tensor> logits;            ///< [vocab] that chose each, if they are kept
  /// If they are kept: by mixer site the map of the text and the new tokens but the last, each row as the step that was at it left it.
  std::map<std::string, std::shared_ptr<const MixingMap>> maps;
};
/// What of a generation is kept beside its tokens.
struct GenerationKeeps {
  bool maps = false;                     ///< every step's attention rows: queries, log-sum-exp and the keys of the cache, no copy of them
  bool logits = true;                    ///< of every step; a large vocabulary makes them larger than all else
};
/// Greedy continuation with a key-value cache where the architecture has one, else by recomputation.
[[nodiscard]] Result<Generation> generate(const Model& model, const std::map<std::string, Tensor>& inputs, int steps,
                                          const EditList& edits = {}, const Progress& progress = {}, GenerationKeeps keeps = {});

}  // namespace vitrine::engine
