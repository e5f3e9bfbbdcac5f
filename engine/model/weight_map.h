#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "engine/io/checkpoint.h"
#include "engine/io/codec.h"
#include "engine/nn/part.h"
#include "engine/tensor/streamed.h"

namespace vitrine::engine {

/// Canonical weight names to names in a file, as data.
///
/// `{"blocks.{i}.attn.q.*": "encoder.layer.{i}.attention.self.query.*"}`; a value may also be
/// `{"from": name, "ops": [["transpose"], ["slice", axis, begin, end], ["reshape", [..]], ["permute", [..]], ["take", axis, index],
/// ["chunk", axis, parts, index], ["add", number]]}`
/// or `{"anonymous": shape}`, the only tensor that an ONNX exporter left without a name and that has this shape (-1: more than 1),
/// or a list of such, of which the first whose file name exists is used. `{x}` matches digits, `*` the rest.
/// Without a rule a canonical name is its own file name.
class MappedWeights final : public WeightSource {
 public:
  enum class Read {
    Values,
    ShapesAlone,   ///< reads nothing and refuses nothing: what is missing or of another shape is booked and stood in for
  };
  /// @param stream where large matrices go that are to stay in the file; nullptr: everything is read
  MappedWeights(std::shared_ptr<const Checkpoint> file, nlohmann::json rules, std::vector<std::string> prefixes, DType dtype,
                Read read = Read::Values, std::shared_ptr<WeightStream> stream = nullptr);

  [[nodiscard]] bool has(const std::string& name) const override;
  /// @error also DoesNotFit for what can only be read and is larger than the memory that is free, where weights stream
  [[nodiscard]] Result<Tensor> get(const std::string& name, const Shape& shape) override { return fetch(name, shape, false); }
  /// Blocks of a quantised GGUF file stay what they are (`in_blocks`) where rules do no more than order or choose rows.
  [[nodiscard]] Result<Tensor> get_matrix(const std::string& name, const Shape& shape) override;

  /// File tensors that nothing asked for, without those that match one of `ignore` (patterns as in rules).
  [[nodiscard]] std::vector<std::string> unused(const std::vector<std::string>& ignore) const;
  [[nodiscard]] const std::vector<std::string>& missing() const { return missing_; }
  [[nodiscard]] const std::vector<std::string>& wrong_shape() const { return wrong_shape_; }
  [[nodiscard]] std::int64_t parameters() const { return parameters_; }
  /// Forgets the tensors kept for slicing and for weights that are tied.
  void done() {
    whole_.clear();
    shared_.clear();
    blocks_.clear();
  }
  /// Name in the file of what a canonical name stands for; empty if the file lacks it.
  [[nodiscard]] std::string source_of(const std::string& name) const;

 private:
  struct Found { const TensorEntry* entry; nlohmann::json ops; };
  [[nodiscard]] std::optional<Found> find(const std::string& name) const;
  /// How the file would spell a weight that it lacks, likeliest first; its canonical name where no rule says.
  [[nodiscard]] std::vector<std::string> wanted_names(const std::string& name) const;
  [[nodiscard]] const TensorEntry* entry(const std::string& file_name) const;
  [[nodiscard]] const TensorEntry* anonymous(const Shape& shape) const;
  [[nodiscard]] Result<Tensor> blocks(const Found& found, const Shape& shape);
  [[nodiscard]] Result<Tensor> fetch(const std::string& name, const Shape& shape, bool in_place);
  [[nodiscard]] Result<Tensor> read(const TensorEntry& entry, bool keep, bool in_place);
  [[nodiscard]] Result<Tensor> values_of(const TensorEntry& entry);

  std::shared_ptr<const Checkpoint> file_;
  nlohmann::json rules_;
  std::vector<std::string> prefixes_;
  DType dtype_;
  Read read_;
  std::shared_ptr<WeightStream> stream_;
  std::deque<std::pair<std::string, Tensor>> whole_;   // the last ones that were sliced: what is sliced together is asked for together
  std::map<std::string, Tensor> shared_;     // tied weights are read once
  std::map<std::string, Tensor> blocks_;     // by name and rules
  std::set<std::string> used_;
  std::vector<std::string> missing_, wrong_shape_;
  std::int64_t parameters_ = 0;
};

/// The type of a tensor whose values can stay where the file has them: whole matrices of floating-point numbers of a mapped file.
[[nodiscard]] std::optional<DType> stream_type(const Checkpoint& file, const TensorEntry& entry);

/// How the blocks of a quantised matrix of a GGUF file become numbers; nullptr for other tensors.
[[nodiscard]] const Codec* block_codec(const Checkpoint& file, const TensorEntry& entry);

/// The weights of a MODEL by their canonical names; read one by one as they are asked for, in float32.
/// @error as `open_model`, for what is needed to know the names
[[nodiscard]] Result<std::unique_ptr<MappedWeights>> open_weights(const std::string& model);

/// Whether `name` matches `pattern`; captures go to `captures` ("i" -> "3", "*" -> "weight").
[[nodiscard]] bool match_name(const std::string& pattern, const std::string& name, std::map<std::string, std::string>& captures);
[[nodiscard]] std::string fill_name(const std::string& pattern, const std::map<std::string, std::string>& captures);

}  // namespace vitrine::engine
