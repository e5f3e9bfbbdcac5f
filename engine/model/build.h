#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/model/model.h"
#include "engine/nn/part.h"
#include "engine/tensor/streamed.h"

namespace vitrine::engine {

/// A sublayer with its parts and hooks.
struct BuiltSublayer {
  std::string name;
  std::shared_ptr<const Part> norm;   ///< shared with maps that make their values again
  std::unique_ptr<Part> part, norm_after;
  std::vector<std::unique_ptr<Part>> post;
  bool residual = true, parallel = false;
  double residual_scale = 1;
  HookId hook_in = 0, hook_out = 0;
  std::optional<HookId> hook_mid;    ///< the residual stream after it, if another sublayer follows
};

struct BuiltBlock {
  std::string path;                  ///< "blocks.3", "text.blocks.0", "stages.1.blocks.0"
  std::vector<BuiltSublayer> sublayers;
  HookId hook_resid_pre = 0, hook_resid_post = 0;
};

/// The end of a stage: its hook, and the part that changes the resolution for the next one.
struct BuiltMerge {
  int before_block = 0;              ///< of the next stage; the number of blocks after the last
  std::unique_ptr<Part> part;        ///< nullptr: nothing changes
  HookId hook_out = 0;               ///< "stages.0.hook_out"
  bool hook_first = false;           ///< the hook sees the stream before the part (timm) instead of after it (Hugging Face)
};

struct BuiltTower {
  std::string prefix, memory;
  std::unique_ptr<Part> stem, final_norm;
  std::vector<BuiltBlock> blocks;                               ///< over all stages
  std::vector<BuiltMerge> merges;    ///< at the ends of stages
  HookId hook_final = 0;
};

struct BuiltHead {
  std::string tower, from, output;
  std::vector<std::unique_ptr<Part>> steps;
};

struct Model::Parts {
  ModelSpec spec;
  std::string name;
  std::filesystem::path path;
  std::shared_ptr<const Checkpoint> checkpoint;
  std::vector<BuiltTower> built;
  std::vector<BuiltHead> heads;
  std::vector<TowerInfo> towers;
  std::vector<CodebookInfo> codebooks;
  std::vector<HookInfo> hooks;
  WeightProblems problems;
  std::string cannot_run;            ///< empty: it runs
  std::shared_ptr<const Tokenizer> tokenizer;
  std::optional<ImagePreprocess> preprocess;
  std::vector<std::string> class_labels;
  std::vector<std::string> warnings;
  std::int64_t parameters = 0;
  std::int64_t cut_tokens = 0;       ///< longer texts are cut to this many tokens; 0: they are refused
  std::int64_t prepend_id = -1;      ///< put before every text that does not begin with it; -1: nothing
  DType dtype = DType::F32;
  bool packs = true;                 ///< linear layers may keep a packed copy of their weights
  std::vector<PackedLinear> linears; ///< all of them; handles, shared with the parts
  std::shared_ptr<WeightStream> stream;   ///< of the weights that stay in their file and come part by part; nullptr: there are none
  bool in_file = false;              ///< passes read the file: it has a stream, or matrices in blocks
  nlohmann::json config;
  bool own_spec = false;             ///< `config` is Vitrine's own file, with the specification in it
  std::map<std::string, Tensor> weights;   ///< every weight by canonical name; handles, shared with the parts
};

/// All parts that come with the program.
[[nodiscard]] Result<PartRegistry> builtin_parts();

/// Builds every part of `spec` with weights from `weights`. Fills towers, heads, hooks and the facts about them.
/// @error FileFormat naming the first weight or parameter that is missing or wrong
Status build_model(const ModelSpec& spec, WeightSource& weights, Model::Parts& parts);

}  // namespace vitrine::engine
