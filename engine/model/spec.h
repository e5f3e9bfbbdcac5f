#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "engine/core/error.h"
#include "engine/nn/part.h"

namespace vitrine::engine {


/// One step of a block: x -> [norm] -> part -> [post...] -> (+ residual) -> [norm_after].
struct SublayerSpec {
  std::string name;            ///< "attn", "cross_attn", "mlp", "mixer": the hook segment
  PartSpec norm;               ///< before the part (pre-norm), empty: none
  PartSpec part;
  std::vector<PartSpec> post;  ///< on the part's output, before the residual: layer scale, codebook, norm
  PartSpec norm_after;         ///< after the residual (post-norm)
  bool residual = true;
  bool parallel = false;       ///< reads the same input as the sublayer before it (GPT-NeoX, GPT-J)
  double residual_scale = 1;
};

struct BlockSpec {
  std::vector<SublayerSpec> sublayers;
};

/// Blocks at one resolution, then an optional part that changes it (patch merging).
struct StageSpec {
  std::vector<BlockSpec> blocks;
  PartSpec downsample;
};

/// One stack: "", "encoder.", "decoder.", "text.", "vision.". Hooks and weights carry the prefix.
struct TowerSpec {
  std::string prefix;
  PartSpec stem;                 ///< inputs -> [batch, token, d_model]
  std::vector<StageSpec> stages; ///< one stage: hooks are `blocks.{i}`; several: `stages.{s}.blocks.{b}`
  bool staged = false;           ///< keep `stages.` in hook names even with one stage
  PartSpec final_norm;
  std::string memory;            ///< prefix of the tower that cross attention reads
};

/// From a tower's last hidden state, or an output made before, to a named output.
struct HeadSpec {
  std::string tower;             ///< prefix of the tower it reads
  std::string from;              ///< instead: the output it reads
  std::vector<PartSpec> steps;   ///< each may carry "name", its path for weights
  std::string output;            ///< "logits", "pooler_output", ...; empty: the steps name their own
};

/// A model as plain data. Everything the program knows about an architecture is here.
struct ModelSpec {
  std::string architecture;      ///< id of the architecture file, "bert"
  std::string title;             ///< "BERT", for people
  std::vector<TowerSpec> towers;
  std::vector<HeadSpec> heads;   ///< in order; make the named outputs: logits, pooler_output, ...
  nlohmann::json input = nlohmann::json::object();    ///< what it takes: {"text": true, "image": {...}, "pad_id": 0}
  nlohmann::json outputs = nlohmann::json::object();  ///< names of a parity dump beyond the common table -> hook or output
};

[[nodiscard]] nlohmann::json to_json(const ModelSpec& spec);
[[nodiscard]] Result<ModelSpec> spec_from_json(const nlohmann::json& json);

}  // namespace vitrine::engine
