#pragma once

#include <concepts>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "engine/core/error.h"
#include "engine/core/registry.h"
#include "engine/io/whole_number.h"
#include "engine/nn/part_cost.h"
#include "engine/tensor/linear.h"
#include "engine/tensor/tensor.h"

namespace vitrine::engine {

class MixingMap;

/// A part by its registered id with its parameters: `{"part": "attention", "n_heads": 12, ...}`.
struct PartSpec {
  std::string part;            ///< empty: none
  nlohmann::json params = nlohmann::json::object();

  explicit operator bool() const { return !part.empty(); }
};

/// A place in the forward pass that can be read or changed.
struct HookInfo {
  std::string name;                  ///< "blocks.3.attn.hook_z"
  std::vector<std::string> axes;     ///< {"batch", "token", "head", "d_head"}
  bool last = false;                 ///< what follows in its part reads this tensor alone, whatever its batch
};
using HookId = int;

/// Keys and values of one attention over the steps of a generation, [batch, head_kv, key, d_head].
/// With them, if the pass captures maps, what every step left of its rows; `generation_map` makes a map of it.
struct KeyValueCache {
  Tensor k, v;
  std::vector<Tensor> q, lse, bias;   ///< [batch, head, query, ...]; bias only where there is one, its keys those of its step
  std::vector<Tensor> pattern, z;     ///< instead of them where the pattern is seen or changed
  double scale = 1;
  bool stochastic = true;             ///< every row still adds up to one
};

/// One forward pass as the parts see it: inputs, hooks, and what one part leaves for a later one.
class Pass {
 public:
  virtual ~Pass() = default;
  /// Whether anybody reads or changes this hook: ask first, build the tensor only then.
  [[nodiscard]] virtual bool wanted(HookId id) const = 0;
  /// Shows the tensor to taps and returns it as edits leave it.
  virtual Tensor hook(HookId id, const Tensor& x) = 0;
  [[nodiscard]] virtual bool edited(HookId id) const = 0;
  /// A gate on every head, [batch, head], when the pass is differentiable.
  [[nodiscard]] virtual Tensor head_gate(const std::string& site, std::int64_t batch, std::int64_t heads) = 0;

  /// Undefined if it was not given.
  [[nodiscard]] Tensor input(const std::string& name) const {
    auto it = inputs.find(name);
    return it == inputs.end() ? Tensor() : it->second;
  }

  std::map<std::string, Tensor> inputs;
  std::map<std::string, Tensor> outputs;
  /// Left by a stem for the mixers of its tower, keyed "prefix" + name: "mask" [batch, token] (1: keep), ...
  std::map<std::string, Tensor> shared;
  /// Rows and columns of the token grid of a tower, kept up to date by stems and merges.
  std::map<std::string, std::pair<std::int64_t, std::int64_t>> grids;
  std::map<std::string, std::shared_ptr<const MixingMap>> maps;
  std::map<std::string, KeyValueCache>* cache = nullptr;   ///< generation only
  std::int64_t position = 0;                               ///< of the first token of this step, in a generation
  std::int64_t tokens_to_come = 0;                         ///< after this step: caches leave room for them
  bool differentiable = false;
  bool capture_maps = true;
  /// Makes the input of the part at work once more, from what the run keeps anyway; empty: it cannot.
  std::function<Tensor()> input_again;
  /// Tokens of each of several inputs that lie end to end in one row: attention stays within each. Empty: one input.
  std::vector<std::int64_t> segments;
  bool last_query = false;         ///< self attention answers for the last token alone, [batch, 1, d_model]
};

/// One operation of a model. Immutable after building; `forward` may be called for many passes.
class Part {
 public:
  virtual ~Part() = default;
  /// @param x [batch, token, d_model] unless the part says otherwise
  [[nodiscard]] virtual Tensor forward(const Tensor& x, Pass& pass) const = 0;
  /// Whether rows of the batch act on each other, so that several runs cannot share one.
  [[nodiscard]] virtual bool mixes_batch() const { return false; }
  /// Whether it leaves half as many rows and columns of tokens (patch merging).
  [[nodiscard]] virtual bool halves_grid() const { return false; }
  /// Whether it leaves one row of each sequence.
  [[nodiscard]] virtual bool pools() const { return false; }
  /// What it takes, for forecasts and cost pages. Parts that only change each value, or pick some, say nothing.
  [[nodiscard]] virtual PartCost cost(const PartLoad& load) const { return {}; }
};

/// Where a part's weights come from, by canonical name ("blocks.3.attn.q.weight").
class WeightSource {
 public:
  virtual ~WeightSource() = default;
  [[nodiscard]] virtual bool has(const std::string& name) const = 0;
  /// @param shape expected; -1 matches any size
  /// @error FileFormat naming what is missing or which shape came
  [[nodiscard]] virtual Result<Tensor> get(const std::string& name, const Shape& shape) = 0;
  /// The same for matrices that are multiplied by `PackedLinear` or whose rows are looked up: may stay in the file
  /// (`is_streamed`), in the element type that they have there.
  [[nodiscard]] virtual Result<Tensor> get_matrix(const std::string& name, const Shape& shape) { return get(name, shape); }
};

/// Facts about parts that the model card and the head views need, collected while building.
struct MixerFacts {
  std::string site, kind;
  int heads = 0, kv_heads = 0, d_head = 0;
  bool cross = false;
};
struct CodebookFacts {
  std::string site;
  int head = -1, codes = 0, k = 1;
};

/// What a factory gets: its place in the model, weights and the hook table.
class BuildContext {
 public:
  std::string path;             ///< "blocks.3.attn"
  std::string tower;            ///< prefix of the tower: "", "encoder.", ...
  std::string memory;           ///< prefix of the tower that cross attention reads
  int d_model = 0;              ///< width of the residual stream here; stems and merges set it
  WeightSource* weights = nullptr;
  const class PartRegistry* parts = nullptr;
  std::vector<HookInfo>* hooks = nullptr;
  std::vector<MixerFacts>* mixers = nullptr;
  std::vector<CodebookFacts>* codebooks = nullptr;
  int* mlp_width = nullptr;     ///< set by channel mixers
  DType dtype = DType::F32;     ///< that the model computes in
  bool packs = true;            ///< there is memory for packed copies of the matrices
  std::vector<PackedLinear>* linears = nullptr;   ///< where all of them are noted

  /// @param last see HookInfo; without it variants of a sweep split before the block instead of here
  HookId add_hook(const std::string& name, std::vector<std::string> axes, bool last = false) const {
    hooks->push_back({name, std::move(axes), last});
    return static_cast<HookId>(hooks->size()) - 1;
  }
  /// `path.name.weight` [out, in] and, if `bias`, `path.name.bias` [out].
  [[nodiscard]] Result<PackedLinear> linear(const std::string& name, std::int64_t out, std::int64_t in, bool bias) const;
  /// The same of weights at hand, [out, in] and [out] or undefined.
  [[nodiscard]] PackedLinear linear(Tensor weight, Tensor bias) const;
  [[nodiscard]] Result<Tensor> weight(const std::string& name, const Shape& shape) const { return weights->get(path + "." + name, shape); }
  [[nodiscard]] Result<Tensor> matrix(const std::string& name, const Shape& shape) const { return weights->get_matrix(path + "." + name, shape); }
  [[nodiscard]] BuildContext at(const std::string& sub) const {
    BuildContext inner = *this;
    inner.path = path.empty() ? sub : path + "." + sub;
    return inner;
  }
};

using PartFactory = std::function<Result<std::unique_ptr<Part>>(const nlohmann::json& params, BuildContext& context)>;

/// All known parts by id.
class PartRegistry : public Registry<PartFactory> {
 public:
  PartRegistry() : Registry("part") {}
  /// Builds `spec` at `context.path`; an empty spec gives nullptr.
  [[nodiscard]] Result<std::unique_ptr<Part>> build(const PartSpec& spec, BuildContext& context) const;
};

/// Reads one parameter. @error FileFormat naming the parameter and what was expected
template <class T>
[[nodiscard]] Result<T> param(const nlohmann::json& params, const char* name) {
  auto it = params.find(name);
  if (it == params.end()) return fail(ErrorCode::FileFormat, std::string("a part lacks its parameter '") + name + "'");
  try {
    if constexpr (std::integral<T> && !std::same_as<T, bool>) return whole_number<T>(*it);
    else return it->template get<T>();
  } catch (const nlohmann::json::exception&) {
    return fail(ErrorCode::FileFormat, std::string("parameter '") + name + "' of a part has the wrong type: " + it->dump());
  }
}
/// The same with a default for an absent or null parameter; a wrong type also gives the default's type error at build.
template <class T>
[[nodiscard]] T param_or(const nlohmann::json& params, const char* name, T fallback) {
  auto it = params.find(name);
  if (it == params.end() || it->is_null()) return fallback;
  try {
    if constexpr (std::integral<T> && !std::same_as<T, bool>) return whole_number<T>(*it);
    else return it->template get<T>();
  } catch (const nlohmann::json::exception&) {
    return fallback;
  }
}

}  // namespace vitrine::engine
