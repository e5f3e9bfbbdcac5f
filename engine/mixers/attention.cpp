#include "engine/mixers/attention.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "engine/mixers/attention_forward.h"
#include "engine/mixers/attention_map.h"
#include "engine/tensor/growing.h"
#include "engine/tensor/ops.h"

namespace vitrine::engine {

namespace {
constexpr double kHidden = -1e30;   // finite, so that a row with no visible key stays a number
constexpr std::int64_t kCheapCells = std::int64_t{1} << 24;   // of maps whose output is made again while somebody waits
}

Tensor dense_bias(const ScoreTerms& terms, std::int64_t queries, std::int64_t keys, DType dtype) {
  Tensor bias = terms.bias;
  const auto add = [&](const Tensor& t) { bias = bias.defined() ? bias + t : t; };
  if (terms.key_mask.defined()) {
    const Tensor hidden = equal(terms.key_mask, 0.0);
    const Shape shape{terms.key_mask.size(0), 1, 1, keys};
    add(to(reshape(masked_fill(zeros(hidden.shape()), hidden, kHidden), shape), dtype));
  }
  if (terms.window > 0) {
    const Tensor i = unsqueeze(arange(queries) + static_cast<double>(keys - queries), 1), j = unsqueeze(arange(keys), 0);
    const Tensor outside = less(j, i - static_cast<double>(terms.window - 1));
    add(to(reshape(masked_fill(zeros({queries, keys}), outside, kHidden), {1, 1, queries, keys}), dtype));
  }
  return bias;
}

Result<AttentionCore> AttentionCore::build(const nlohmann::json& params, BuildContext& context, std::string kind) {
  AttentionCore core;
  core.site_ = context.path;
  VITRINE_TRY(core.n_heads_, param<int>(params, "n_heads"));
  core.n_kv_heads_ = param_or(params, "n_kv_heads", core.n_heads_);
  if (core.n_heads_ < 1 || core.n_kv_heads_ < 1 || core.n_heads_ % core.n_kv_heads_ != 0)
    return fail(ErrorCode::FileFormat, "num_attention_heads " + std::to_string(core.n_heads_) + " must be a positive multiple of num_key_value_heads " + std::to_string(core.n_kv_heads_));
  core.d_head_ = param_or(params, "d_head", context.d_model / core.n_heads_);
  core.d_value_ = param_or(params, "d_value", core.d_head_);
  if (core.d_head_ < 1 || core.d_value_ < 1) return fail(ErrorCode::FileFormat, "the heads of " + context.path + " have no width");
  core.scale_ = param_or(params, "scale", 1.0 / std::sqrt(static_cast<double>(core.d_head_)));
  core.causal_ = param_or(params, "causal", false);
  core.window_ = param_or(params, "window", 0);
  core.cross_ = kind == "cross attention";
  core.shared_qkv_ = param_or(params, "shared_qkv", false);
  const bool bias = param_or(params, "bias", true);
  const int d = context.d_model, d_memory = param_or(params, "d_memory", d);
  const int qw = core.n_heads_ * core.d_head_, kw = core.n_kv_heads_ * core.d_head_, vw = core.n_kv_heads_ * core.d_value_;
  if (core.shared_qkv_) {
    VITRINE_TRY(core.q_, context.linear("qkv", qw, d, param_or(params, "bias_q", bias)));
  } else {
    VITRINE_TRY(core.q_, context.linear("q", qw, d, param_or(params, "bias_q", bias)));
    VITRINE_TRY(core.k_, context.linear("k", kw, d_memory, param_or(params, "bias_k", bias)));
    VITRINE_TRY(core.v_, context.linear("v", vw, d_memory, param_or(params, "bias_v", bias)));
  }
  if (param_or(params, "out", true)) {
    VITRINE_TRY(core.out_, context.linear("out", d, core.n_heads_ * core.d_value_, param_or(params, "bias_out", bias)));
  }
  if (params.contains("rope") && params["rope"].is_object()) {
    VITRINE_TRY(core.rope_, Rope::from_json(params["rope"], core.d_head_));
  }
  if (params.contains("qk_norm") && params["qk_norm"].is_object()) {
    PartSpec spec{params["qk_norm"].value("part", std::string("rms_norm")), params["qk_norm"]};
    spec.params["width"] = core.d_head_;
    BuildContext q = context.at("q_norm"), k = context.at("k_norm");
    VITRINE_TRY(core.q_norm_, context.parts->build(spec, q));
    VITRINE_TRY(core.k_norm_, context.parts->build(spec, k));
  }
  if (params.contains("codebook") && params["codebook"].is_object()) {
    for (int h = 0; h < core.n_heads_; ++h) {
      BuildContext here = context;
      here.path = codebook_path(context.path, h);
      VITRINE_TRY(Codebook book, Codebook::build(params["codebook"], core.d_value_, h, here));
      core.codebooks_.push_back(std::move(book));
    }
  }
  const std::vector<std::string> axes{"batch", "token", "head", "d_head"}, map{"batch", "head", "query", "key"};
  core.hook_q_ = context.add_hook(context.path + ".hook_q", axes);
  core.hook_k_ = context.add_hook(context.path + ".hook_k", axes);
  core.hook_v_ = context.add_hook(context.path + ".hook_v", axes);
  core.hook_scores_ = context.add_hook(context.path + ".hook_attn_scores", map);
  core.hook_pattern_ = context.add_hook(context.path + ".hook_pattern", map);
  core.hook_z_ = context.add_hook(context.path + ".hook_z", axes, true);
  context.mixers->push_back({context.path, kind, core.n_heads_, core.n_kv_heads_, core.d_head_, core.cross_});
  return core;
}

Tensor AttentionCore::split(const Tensor& x, int heads, int d) const { return reshape(x, {x.size(0), x.size(1), heads, d}); }

AttentionCore::Heads AttentionCore::project(const Tensor& x, const Tensor& memory, Pass& pass) const {
  const bool last = pass.last_query && !cross_ && !shared_qkv_;
  const auto asked = [&](const Tensor& t, int axis) { return last ? slice(t, axis, t.size(axis) - 1, t.size(axis)) : t; };
  Heads h;
  if (shared_qkv_) {
    h.q = h.k = h.v = split(q_(x), n_heads_, d_head_);
  } else {
    const bool one_input = !last && x.box() == memory.box();
    const auto made = one_input ? PackedLinear::together(std::array{&q_, &k_, &v_}, x) : std::vector{q_(asked(x, 1)), k_(memory), v_(memory)};
    h.q = split(made[0], n_heads_, d_head_);
    h.k = split(made[1], n_kv_heads_, d_head_);
    h.v = split(made[2], n_kv_heads_, d_value_);
  }
  h.q = pass.hook(hook_q_, h.q);
  h.k = pass.hook(hook_k_, h.k);
  h.v = pass.hook(hook_v_, h.v);
  if (q_norm_) h.q = q_norm_->forward(h.q, pass);
  if (k_norm_) h.k = k_norm_->forward(h.k, pass);
  h.q = transpose(h.q, 1, 2);
  h.k = transpose(h.k, 1, 2);
  h.v = transpose(h.v, 1, 2);
  if (rope_) {
    Tensor positions = pass.input("position_ids");
    if (!positions.defined()) positions = arange(x.size(1)) + static_cast<double>(pass.position);
    h.q = rope_->apply(h.q, asked(positions, -1));
    h.k = rope_->apply(h.k, positions);
  }
  if (pass.cache && !cross_) {
    KeyValueCache& cache = (*pass.cache)[site_];
    if (cache.k.defined()) {
      h.k = append_rows(cache.k, h.k, pass.tokens_to_come);
      h.v = append_rows(cache.v, h.v, pass.tokens_to_come);
    }
    cache.k = h.k;
    cache.v = h.v;
    cache.scale = scale_;
  }
  return h;
}

/// Queries, keys and log-sum-exp stay. Values and output, which are rarely asked for, are made again where their source stays too.
AttentionFactors AttentionCore::factors(const Heads& h, const FusedAttention& fused, const Tensor& bias, const ScoreTerms& terms, const Pass& pass) const {
  AttentionFactors f{.q = h.q, .k = h.k, .v = h.v, .lse = fused.lse, .bias = bias, .causal = terms.causal, .scale = scale_};
  if (h.q.size(2) * h.k.size(2) > kCheapCells) f.z = fused.z;
  if (!terms.memory_again || shared_qkv_ || pass.cache || pass.edited(hook_v_)) return f;
  f.v = Tensor();
  f.values = [v = v_, source = terms.memory_again, heads = n_kv_heads_, d = d_value_] {
    const Tensor x = v(source());
    return transpose(reshape(x, {x.size(0), x.size(1), heads, d}), 1, 2);
  };
  return f;
}

/// z [batch, head, query, d_value] of one input, or of a batch of inputs of one length.
Tensor AttentionCore::attend(const Heads& h, const ScoreTerms& terms, Pass& pass, std::shared_ptr<const MixingMap>* map) const {
  const std::int64_t queries = h.q.size(2), keys = h.k.size(2);
  Tensor bias = dense_bias(terms, queries, keys, h.q.dtype());
  if (pass.wanted(hook_pattern_) || pass.wanted(hook_scores_) || pass.differentiable) {
    const std::int64_t group = n_heads_ / n_kv_heads_;
    const Tensor v = repeat_interleave(h.v, group, 1);
    Tensor scores = matmul(h.q, transpose(repeat_interleave(h.k, group, 1), 2, 3)) * scale_;
    if (bias.defined()) scores = scores + bias;
    if (terms.causal) {
      const Tensor i = unsqueeze(arange(queries) + static_cast<double>(keys - queries), 1), j = unsqueeze(arange(keys), 0);
      scores = masked_fill(scores, greater(j, i), kHidden);
    }
    scores = pass.hook(hook_scores_, scores);
    const Tensor pattern = pass.hook(hook_pattern_, softmax(scores, -1));
    const Tensor z = matmul(pattern, v);
    if (!map || !pass.capture_maps) return z;
    if (pass.cache && !cross_) {
      KeyValueCache& cache = (*pass.cache)[site_];
      cache.pattern.push_back(pattern);
      cache.z.push_back(z);
      cache.stochastic = !pass.edited(hook_pattern_);
    } else {
      *map = stored_map(pattern, v, z, "dense softmax", !pass.edited(hook_pattern_));
    }
    return z;
  }
  // The last query sees every key, and needs no mask to say so; of those before its window nothing comes.
  const std::int64_t first = queries == 1 && terms.window > 0 ? std::max<std::int64_t>(0, keys - terms.window) : 0;
  const auto near = [&](const Tensor& x, int axis) { return first == 0 || x.size(axis) == 1 ? x : slice(x, axis, first, keys); };
  const FusedAttention fused = attention_forward(h.q, near(h.k, 2), near(h.v, 2), bias.defined() ? near(bias, -1) : bias, terms.causal && queries > 1, scale_);
  if (!map || !pass.capture_maps) return fused.z;
  if (pass.cache && !cross_) {
    KeyValueCache& cache = (*pass.cache)[site_];
    cache.q.push_back(h.q);
    cache.lse.push_back(fused.lse);
    if (bias.defined()) cache.bias.push_back(bias);
  } else {
    *map = attention_map(factors(h, fused, bias, terms, pass));
  }
  return fused.z;
}

/// The same of inputs that lie end to end.
Tensor AttentionCore::attend_within(const Heads& h, const ScoreTerms& terms, Pass& pass) const {
  std::vector<Tensor> parts;
  std::int64_t begin = 0;
  for (const std::int64_t tokens : pass.segments) {
    const auto own = [&](const Tensor& x) { return slice(x, 2, begin, begin + tokens); };
    parts.push_back(transpose(attend({own(h.q), own(h.k), own(h.v)}, terms, pass, nullptr), 1, 2));
    begin += tokens;
  }
  return transpose(cat(parts, 1), 1, 2);   // as the kernels lay it: token after token
}

Tensor AttentionCore::forward(const Tensor& x, const Tensor& memory, const ScoreTerms& terms, Pass& pass,
                              std::shared_ptr<const MixingMap>* map) const {
  const Heads h = project(x, memory, pass);
  const Tensor z = pass.segments.empty() ? attend(h, terms, pass, map) : attend_within(h, terms, pass);
  Tensor tokens = pass.hook(hook_z_, transpose(z, 1, 2));   // [batch, query, head, d_value]
  if (pass.differentiable) {
    const Tensor gate = pass.head_gate(site_, tokens.size(0), n_heads_);
    tokens = tokens * reshape(gate, {gate.size(0), 1, n_heads_, 1});
  }
  if (!codebooks_.empty()) {
    std::vector<Tensor> coded;
    for (int head = 0; head < n_heads_; ++head) coded.push_back(codebooks_[static_cast<std::size_t>(head)].apply(select(tokens, 2, head), pass));
    tokens = stack(coded, 2);
  }
  tokens = reshape(tokens, {tokens.size(0), tokens.size(1), n_heads_ * d_value_});
  return out_.defined() ? out_(tokens) : tokens;
}

namespace {

/// Pairs of the last `queries` of `keys` tokens, of which each sees itself and those before it, at most `window` in all.
double causal_pairs(double queries, double keys, double window) {
  const double first = keys - queries + 1;   // keys of the first query
  if (window <= 0 || keys <= window) return queries * (first + keys) / 2;
  const double growing = std::max(0.0, window - first);
  return growing * (first + window - 1) / 2 + (queries - growing) * window;
}

}  // namespace

PartCost AttentionCore::cost(const PartLoad& load, std::int64_t keys) const {
  const auto batch = static_cast<double>(load.batch), rows = batch * static_cast<double>(load.tokens);
  const double sources = !cross_ ? rows : load.before > 0 ? 0 : batch * static_cast<double>(keys);   // of a memory once
  const auto values = [](const PackedLinear& l) { return l.defined() ? static_cast<double>(l.weight().numel()) : 0.0; };
  const auto q = static_cast<double>(n_heads_ * d_head_), z = static_cast<double>(n_heads_ * d_value_);
  const double kv = shared_qkv_ ? 0 : static_cast<double>(n_kv_heads_ * (d_head_ + d_value_));
  PartCost c;
  c.linear_flops = 2 * (rows * (values(q_) + values(out_)) + sources * (values(k_) + values(v_)));
  const double pairs = causal_ ? causal_pairs(static_cast<double>(load.tokens), static_cast<double>(keys), static_cast<double>(window_))
                               : static_cast<double>(load.tokens) * static_cast<double>(keys);
  c.mixing = Mixing{.problems = batch, .heads = n_heads_, .kv_heads = n_kv_heads_, .queries = load.tokens, .keys = keys, .d_key = d_head_, .d_value = d_value_, .pairs = pairs};
  c.in = rows * static_cast<double>(q_.weight().size(1));
  c.out = out_.defined() ? rows * static_cast<double>(out_.weight().size(0)) : rows * z;
  c.live = rows * (q + z) + sources * kv;
  for (const Codebook& book : codebooks_) c.linear_flops += book.flops(rows);
  if (rope_) c.live += rows * (2 * q + static_cast<double>(n_kv_heads_ * d_head_));   // both halves, turned
  if (cross_ || causal_) {
    const double kept = window_ > 0 ? std::min(static_cast<double>(keys), static_cast<double>(window_)) : static_cast<double>(keys);
    c.state = batch * kept * static_cast<double>(n_kv_heads_ * (d_head_ + d_value_));
  }
  return c;
}

}  // namespace vitrine::engine
