#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/core/error.h"
#include "engine/core/progress.h"
#include "engine/io/checkpoint.h"
#include "engine/io/image.h"
#include "engine/model/spec.h"
#include "engine/report/report.h"
#include "engine/tensor/tensor.h"
#include "engine/text/tokenizer.h"

namespace vitrine::engine {

/// The token mixers of one tower, as a grid for the head views.
struct MixerInfo {
  std::string block;                 ///< "blocks.3" or "stages.0.blocks.1"
  std::string site;                  ///< "blocks.3.attn": prefix of its hooks
  std::string kind;                  ///< "attention", "cross attention", "mamba", ...
  int layer = 0;                     ///< running index over the tower, the L of "L.H"
  int heads = 0;                     ///< maps it has (channels groups for a state space)
  int d_head = 0;
  int kv_heads = 0;
};

struct CodebookInfo {
  std::string site;                  ///< "blocks.2.mlp.codebook" or "blocks.2.attn.codebook"
  int layer = 0;
  int head = -1;                     ///< -1 for a codebook on the whole width
  int codes = 0, k = 1;
  int ordinal = 0;                   ///< its number in `code:L.N.C`: heads first, then the MLP
};

struct TowerInfo {
  std::string prefix;
  int layers = 0, d_model = 0;
  std::vector<MixerInfo> mixers;
  std::vector<MixerInfo> cross;      ///< cross attention, apart
  std::vector<int> mlp_width;        ///< neurons per layer; 0 where there is no MLP
};

struct WeightProblems {
  std::vector<std::string> missing;      ///< the architecture asks for it, the file lacks it
  std::vector<std::string> unexpected;   ///< in the file, not used
  std::vector<std::string> wrong_shape;  ///< "NAME should be [2, 4], it is [4, 2]"
};

struct OpenOptions {
  DType dtype = DType::F32;          ///< F32 or BF16
  std::optional<std::filesystem::path> config;  ///< instead of the folder's config.json
  /// A weights file that is sound but cannot run still opens, for its tensors: no towers, and `cannot_run` says why.
  bool tensors_alone = false;
  /// Matrices stay in their file and are read layer by layer, even where memory would hold them.
  bool stream = false;
  /// Pixels a side of a patch, for vision transformers whose patches are a convolution: its kernel and its grid of positions are
  /// resized (`resized_patches`); 0: as the file says.
  int patch = 0;
  /// The weights, where they have been opened already; else they are.
  std::shared_ptr<const Checkpoint> checkpoint = nullptr;
};

/// An opened model: specification, weights, tokenizer, preprocessing. Immutable; shared between runs.
class Model {
 public:
  struct Parts;                      ///< the built modules; see engine/model/build.h
  explicit Model(std::shared_ptr<Parts> parts);
  ~Model();

  [[nodiscard]] const ModelSpec& spec() const;
  [[nodiscard]] const std::string& name() const;            ///< for people: "all-MiniLM-L6-v2", "demo:vit_digits"
  [[nodiscard]] const std::filesystem::path& path() const;
  [[nodiscard]] const std::vector<TowerInfo>& towers() const;
  [[nodiscard]] const std::vector<CodebookInfo>& codebooks() const;
  [[nodiscard]] const std::vector<HookInfo>& hooks() const;
  [[nodiscard]] const WeightProblems& weight_problems() const;
  /// One sentence if the weights can be looked at and nothing more (no towers, no hooks); empty for a model that runs.
  [[nodiscard]] const std::string& cannot_run() const;
  [[nodiscard]] const Checkpoint& checkpoint() const;
  [[nodiscard]] const std::shared_ptr<const Tokenizer>& tokenizer() const;   ///< may be null
  [[nodiscard]] const std::optional<ImagePreprocess>& preprocess() const;
  [[nodiscard]] const std::vector<std::string>& class_labels() const;        ///< may be empty
  [[nodiscard]] std::int64_t parameter_count() const;
  [[nodiscard]] DType dtype() const;
  [[nodiscard]] std::string sha256() const;                 ///< of the weights, computed once on demand
  [[nodiscard]] bool takes_text() const;
  [[nodiscard]] bool takes_image() const;
  [[nodiscard]] bool causal_lm() const;                     ///< logits[t] predicts token t + 1
  [[nodiscard]] const Parts& parts() const { return *parts_; }

 private:
  std::shared_ptr<Parts> parts_;
};

/// Where a MODEL is, and what its name asks of it besides: "FOLDER@patch=4".
struct ModelName {
  std::string place;                 ///< a folder, a file, or `demo:NAME`
  int patch = 0;                     ///< see `OpenOptions`
};
/// What exists under the whole name is that, whatever it is called.
[[nodiscard]] ModelName parse_model_name(const std::string& model);

/// Opens a MODEL of the contract: a folder, a file, or `demo:NAME`; `@patch=N` behind it is `OpenOptions::patch`.
///
/// Weights that would not fit into `free_memory()` stay in their mapped file and are read layer by layer (`WeightStream`).
/// @error one sentence: what was expected, what came; DoesNotFit with what is missing where not even that is enough
[[nodiscard]] Result<std::shared_ptr<const Model>> open_model(const std::string& model, const OpenOptions& options = {},
                                                             const Progress& progress = {});

/// The tensors of an opened checkpoint without a model around them. Reads nothing.
/// @param why what `cannot_run` says
[[nodiscard]] Result<std::shared_ptr<const Model>> tensors_alone(const std::string& model, std::shared_ptr<const Checkpoint> file,
                                                                std::string why);

/// Folder of a `demo:NAME` model; searched in $VITRINE_RESOURCES, beside the executable, in the install prefix.
[[nodiscard]] Result<std::filesystem::path> demo_folder(const std::string& name);
[[nodiscard]] std::vector<std::string> demo_names();
/// Folder with `models`, `samples`, `colormaps`, ...
[[nodiscard]] std::filesystem::path resources_folder();

}  // namespace vitrine::engine
