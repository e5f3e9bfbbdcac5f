#include "engine/model/model.h"

#include "engine/model/build.h"

namespace vitrine::engine {

Model::Model(std::shared_ptr<Parts> parts) : parts_(std::move(parts)) {}
Model::~Model() = default;

const ModelSpec& Model::spec() const { return parts_->spec; }
const std::string& Model::name() const { return parts_->name; }
const std::filesystem::path& Model::path() const { return parts_->path; }
const std::vector<TowerInfo>& Model::towers() const { return parts_->towers; }
const std::vector<CodebookInfo>& Model::codebooks() const { return parts_->codebooks; }
const std::vector<HookInfo>& Model::hooks() const { return parts_->hooks; }
const WeightProblems& Model::weight_problems() const { return parts_->problems; }
const std::string& Model::cannot_run() const { return parts_->cannot_run; }
const Checkpoint& Model::checkpoint() const { return *parts_->checkpoint; }
const std::shared_ptr<const Tokenizer>& Model::tokenizer() const { return parts_->tokenizer; }
const std::optional<ImagePreprocess>& Model::preprocess() const { return parts_->preprocess; }
const std::vector<std::string>& Model::class_labels() const { return parts_->class_labels; }
std::int64_t Model::parameter_count() const { return parts_->parameters; }
DType Model::dtype() const { return parts_->dtype; }
bool Model::takes_text() const { return parts_->spec.input.value("text", false); }
bool Model::takes_image() const { return parts_->spec.input.value("image", false); }
bool Model::causal_lm() const { return parts_->spec.input.value("causal_lm", false); }

}  // namespace vitrine::engine
