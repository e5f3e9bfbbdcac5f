#include <memory>

#include "engine/nn/stems.h"
#include "engine/nn/stems_internal.h"
#include "engine/tensor/ops.h"
#include "engine/tensor/streamed.h"

namespace vitrine::engine {

namespace {

class TokenEmbedding final : public Part {
 public:
  std::string tower, ids_name, mask_name, positions_from;
  Tensor words, positions, segments;
  std::int64_t offset = 0, pad_id = 0, vocab = 0;
  double scale = 1;
  DType dtype = DType::F32;   // of the stream, whatever the type of words in a file
  std::unique_ptr<Part> norm;
  PackedLinear project;
  HookId hook_embed = 0;

  Tensor position_ids(const Tensor& ids, const Tensor& mask, const Pass& pass) const {
    if (const Tensor given = pass.input("position_ids"); given.defined()) return given + static_cast<double>(offset);
    if (positions_from == "ids") {   // running count of tokens that are not padding, padding keeps pad_id (RoBERTa)
      const Tensor keep = to(logical_not(equal(ids, static_cast<double>(pad_id))), DType::I64);
      return cumsum(keep, 1) * keep + static_cast<double>(pad_id);
    }
    if (positions_from == "mask" && mask.defined()) return clamp(cumsum(mask, 1) - 1.0, -1, 1e9) + static_cast<double>(offset);
    return unsqueeze(arange(ids.size(1)), 0) + static_cast<double>(offset + pass.position);
  }

  PartCost cost(const PartLoad& load) const override {
    const auto rows = static_cast<double>(load.batch * load.tokens), d = static_cast<double>(words.size(1));
    PartCost c{.in = rows, .out = rows * d, .live = positions.defined() || segments.defined() ? rows * d : 0};
    if (!project.defined()) return c;
    c.linear_flops = 2 * rows * static_cast<double>(project.weight().numel());
    c.between = rows * d;
    c.out = rows * static_cast<double>(project.weight().size(0));
    return c;
  }

  Tensor forward(const Tensor&, Pass& pass) const override {
    const Tensor ids = pass.input(ids_name);
    if (!ids.defined()) throw std::invalid_argument("the model needs the input '" + ids_name + "'");
    if (ids.dim() != 2) throw std::invalid_argument("'" + ids_name + "' must be [batch, token], came " + shape_text(ids.shape()));
    for (auto id : ids.to_ints())
      if (id < 0 || id >= vocab) throw std::invalid_argument("token id " + std::to_string(id) + " is outside the vocabulary of " + std::to_string(vocab));
    const Tensor mask = pass.input(mask_name);
    if (mask.defined()) pass.shared[tower + "mask"] = mask;
    Tensor x = is_streamed(words) ? to(streamed_rows(words, ids), dtype) : embedding(words, ids);
    if (scale != 1) x = x * scale;
    if (segments.defined()) {
      const Tensor types = pass.input("token_type_ids");
      x = x + embedding(segments, types.defined() ? types : zeros(ids.shape(), DType::I64));
    }
    if (positions.defined()) {
      const Tensor where_ = position_ids(ids, mask, pass);
      for (auto p : where_.to_ints())
        if (p < 0 || p >= positions.size(0))
          throw std::invalid_argument("the model has " + std::to_string(positions.size(0)) + " positions; the input needs position " + std::to_string(p));
      x = x + embedding(positions, where_);
    }
    if (norm) x = norm->forward(x, pass);
    if (project.defined()) x = project(x);
    return pass.hook(hook_embed, x);
  }
};

}  // namespace

Result<std::unique_ptr<Part>> make_token_embedding(const nlohmann::json& params, BuildContext& context) {
  auto stem = std::make_unique<TokenEmbedding>();
  VITRINE_TRY(const int vocab, param<int>(params, "vocab"));
  VITRINE_TRY(const int d_model, param<int>(params, "d_model"));
  const int width = param_or(params, "width", d_model);
  context.d_model = width;
  stem->vocab = vocab;
  stem->tower = context.tower;
  stem->ids_name = param_or<std::string>(params, "ids", "input_ids");
  stem->mask_name = param_or<std::string>(params, "mask", "attention_mask");
  stem->scale = param_or(params, "scale", 1.0);
  stem->dtype = context.dtype;
  VITRINE_TRY(stem->words, context.matrix("tokens.weight", {vocab, width}));
  if (const int n = param_or(params, "segments", 0); n > 0) {
    VITRINE_TRY(stem->segments, context.weight("segments.weight", {n, width}));
  }
  const nlohmann::json positions = params.value("positions", nlohmann::json::object());
  if (param_or<std::string>(positions, "kind", "none") == "learned") {
    stem->offset = param_or(positions, "offset", 0);
    stem->pad_id = param_or(positions, "pad_id", 0);
    stem->positions_from = param_or<std::string>(positions, "from", "index");
    VITRINE_TRY(const int count, param<int>(positions, "max"));
    VITRINE_TRY(stem->positions, context.weight("positions.weight", {count, width}));
  }
  VITRINE_TRY(stem->norm, build_inner(params, "norm", context));
  context.d_model = d_model;
  if (width != d_model) {
    VITRINE_TRY(stem->project, context.linear("project", d_model, width, param_or(params, "project_bias", true)));
  }
  stem->hook_embed = context.add_hook(context.tower + "hook_embed", {"batch", "token", "d_model"}, true);
  return stem;
}

}  // namespace vitrine::engine
