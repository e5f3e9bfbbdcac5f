#include "engine/nn/codebook.h"

#include "engine/tensor/ops.h"

namespace vitrine::engine {

std::string codebook_path(const std::string& sublayer_path, int ordinal) {
  const auto dot = sublayer_path.rfind('.');
  return sublayer_path.substr(0, dot) + ".codebook." + std::to_string(ordinal);
}

Result<Codebook> Codebook::build(const nlohmann::json& params, int width, int head, BuildContext& context) {
  VITRINE_TRY(const int codes, param<int>(params, "codes"));
  Codebook book;
  book.k_ = param_or(params, "k", 1);
  book.ln_eps_ = param_or(params, "ln_eps", 1e-5);
  if (codes < 1 || book.k_ < 1 || book.k_ > codes)
    return fail(ErrorCode::FileFormat, "a codebook of " + std::to_string(codes) + " codes cannot choose " + std::to_string(book.k_));
  VITRINE_TRY(book.codes_, context.weight("codes", {codes, width}));
  VITRINE_TRY(book.ln_weight_, context.weight("ln.weight", {width}));
  VITRINE_TRY(book.ln_bias_, context.weight("ln.bias", {width}));
  book.unit_codes_ = book.codes_ / clamp(norm(book.codes_, -1, true), 1e-12, 1e30);
  const bool alone = head < 0;   // those of heads are put together again
  book.hook_in_ = context.add_hook(context.path + ".hook_in", {"batch", "token", "d_model"}, alone);
  book.hook_scores_ = context.add_hook(context.path + ".hook_scores", {"batch", "token", "k"});
  book.hook_margin_ = context.add_hook(context.path + ".hook_margin", {"batch", "token"});
  book.hook_codes_ = context.add_hook(context.path + ".hook_codes", {"batch", "token", "k"}, alone);
  book.hook_out_ = context.add_hook(context.path + ".hook_out", {"batch", "token", "d_model"}, alone);
  context.codebooks->push_back({context.path, head, codes, book.k_});
  return book;
}

/// By how much the last chosen code is ahead of the first that was not: 0 is a tie, which rounding decides.
Tensor Codebook::margin(const Tensor& scores) const {
  const std::int64_t k = k_;
  if (k >= scores.size(-1)) return full({scores.size(0), scores.size(1)}, 1e30);
  const Tensor best = topk(scores, k + 1, -1).first;
  return select(best, -1, k - 1) - select(best, -1, k);
}

Tensor Codebook::apply(const Tensor& x, Pass& pass) const {
  const Tensor a = layer_norm(pass.hook(hook_in_, x), ln_weight_, ln_bias_, ln_eps_);
  const Tensor scores = matmul(a, transpose(unit_codes_, 0, 1));
  const auto [best, codes] = topk(scores, k_, -1);
  pass.hook(hook_scores_, best);
  if (pass.wanted(hook_margin_)) pass.hook(hook_margin_, margin(scores));
  const Tensor chosen = pass.hook(hook_codes_, codes);
  Tensor out = mean(embedding(codes_, chosen), {-2});
  if (pass.differentiable) out = x + with_gradient(out - x);   // a new leaf: no gradient flows into the difference
  return pass.hook(hook_out_, out);
}

namespace {

class CodebookPart final : public Part {
 public:
  explicit CodebookPart(Codebook book) : book_(std::move(book)) {}
  Tensor forward(const Tensor& x, Pass& pass) const override { return book_.apply(x, pass); }
  PartCost cost(const PartLoad& load) const override {
    const auto rows = static_cast<double>(load.batch * load.tokens), d = static_cast<double>(book_.width());
    return {.linear_flops = book_.flops(rows), .in = rows * d, .out = rows * d, .between = rows * static_cast<double>(book_.codes()), .live = rows * static_cast<double>(book_.codes())};
  }

 private:
  Codebook book_;
};

Result<std::unique_ptr<Part>> make_codebook(const nlohmann::json& params, BuildContext& context) {
  BuildContext here = context;
  here.path = codebook_path(context.path, param_or(params, "ordinal", 0));
  VITRINE_TRY(Codebook book, Codebook::build(params, context.d_model, -1, here));
  return std::make_unique<CodebookPart>(std::move(book));
}

}  // namespace

Status register_codebook(PartRegistry& registry) { return registry.add("codebook", make_codebook); }

}  // namespace vitrine::engine
