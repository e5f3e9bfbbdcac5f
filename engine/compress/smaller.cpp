#include "engine/compress/smaller.h"

#include <set>

#include "engine/io/json.h"
#include "engine/io/safetensors.h"
#include "engine/model/build.h"
#include "engine/tensor/guard.h"
#include "engine/tensor/ops.h"

namespace vitrine::engine {

namespace fs = std::filesystem;

std::int64_t SmallerModel::parameters() const {
  std::int64_t n = 0;
  std::set<const void*> seen;
  for (const auto& [name, t] : weights)
    if (seen.insert(t.data_id()).second) n += t.numel();
  return n;
}

std::int64_t SmallerModel::bytes() const {
  std::int64_t n = 0;
  std::set<const void*> seen;
  for (const auto& [name, t] : weights)
    if (seen.insert(t.data_id()).second) n += t.bytes();
  return n;
}

namespace {

class HeldWeights final : public WeightSource {
 public:
  explicit HeldWeights(const std::map<std::string, Tensor>& weights) : weights_(weights) {}
  bool has(const std::string& name) const override { return weights_.contains(name); }
  Result<Tensor> get(const std::string& name, const Shape& shape) override {
    auto it = weights_.find(name);
    if (it == weights_.end()) return fail(ErrorCode::Internal, "the smaller model lacks its weight '" + name + "'");
    Shape asked = shape;
    for (std::size_t i = 0; i < asked.size(); ++i)
      if (asked[i] < 0 && asked.size() == it->second.shape().size()) asked[i] = it->second.shape()[i];
    if (asked != it->second.shape())
      return fail(ErrorCode::Internal, "the weight '" + name + "' of the smaller model is " + shape_text(it->second.shape()) + ", not " + shape_text(shape));
    return it->second;
  }

 private:
  const std::map<std::string, Tensor>& weights_;
};

/// Files of a model folder that say how text and images come in, and under which licence.
bool is_companion(const fs::path& file) {
  static const std::set<std::string> names{"tokenizer.json", "tokenizer_config.json", "vocab.txt", "vocab.json", "merges.txt",
                                           "tokenizer.model", "spiece.model", "sentencepiece.bpe.model", "special_tokens_map.json",
                                           "preprocessor_config.json", "eval.safetensors", "LICENSE", "LICENCE", "LICENSE.txt", "corpus.txt"};
  return names.contains(file.filename().string());
}

}  // namespace

Result<std::shared_ptr<const Model>> build_smaller(const Model& original, const SmallerModel& smaller) {
  const Model::Parts& from = original.parts();
  auto parts = std::make_shared<Model::Parts>();
  parts->name = from.name + ", cut";
  parts->path = from.path;
  parts->checkpoint = from.checkpoint;
  parts->tokenizer = from.tokenizer;
  parts->preprocess = from.preprocess;
  parts->class_labels = from.class_labels;
  parts->dtype = from.dtype;
  parts->config = from.config;
  parts->in_file = from.in_file;
  parts->parameters = smaller.parameters();
  HeldWeights weights(smaller.weights);
  VITRINE_CHECK(build_model(smaller.spec, weights, *parts));
  return std::make_shared<const Model>(std::move(parts));
}

Status write_model(const Model& original, const SmallerModel& smaller, const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) return fail_file(ErrorCode::FileMissing, folder.string(), "the folder cannot be made: " + error.message());
  std::vector<std::vector<float>> held;
  std::vector<TensorToWrite> tensors;
  std::map<const void*, std::string> first;
  nlohmann::json tied = nlohmann::json::object();
  for (const auto& [name, t] : smaller.weights) {
    if (auto [it, fresh] = first.try_emplace(t.data_id(), name); !fresh) {
      tied[name] = it->second;
      continue;
    }
    VITRINE_TRY(auto values, guard([&] { return t.to_floats(); }));
    held.push_back(std::move(values));
    tensors.push_back({name, t.shape(), held.back(), original.dtype()});
  }
  VITRINE_CHECK(write_safetensors(folder / "model.safetensors", tensors));
  nlohmann::json form = {{"vitrine_model", 1}, {"name", original.name()}, {"spec", to_json(smaller.spec)}, {"tied", std::move(tied)}};
  nlohmann::json labels = nlohmann::json::object();
  for (std::size_t i = 0; i < original.class_labels().size(); ++i) labels[std::to_string(i)] = original.class_labels()[i];
  if (!labels.empty()) form["id2label"] = std::move(labels);
  VITRINE_CHECK(write_file_atomically(folder / "vitrine.json", form.dump(1)));
  const fs::path source = fs::is_directory(original.path(), error) ? original.path() : original.path().parent_path();
  for (const auto& item : fs::directory_iterator(source, error))
    if (item.is_regular_file(error) && is_companion(item.path())) fs::copy_file(item.path(), folder / item.path().filename(), fs::copy_options::overwrite_existing, error);
  return {};
}

}  // namespace vitrine::engine
