#include <cmath>

#include "engine/mixers/attention.h"
#include "engine/mixers/window_attention.h"
#include "engine/tensor/ops.h"

namespace vitrine::engine {

namespace {

/// Bucketed relative positions of T5 (arXiv:1910.10683, section 2.1).
class BucketedBias {
 public:
  Tensor table;   // [bucket, head]
  int buckets = 32, max_distance = 128;
  bool bidirectional = true;

  int bucket(std::int64_t relative) const {
    int n = buckets, offset = 0;
    std::int64_t distance = -relative;   // relative = key - query
    if (bidirectional) {
      n /= 2;
      if (relative > 0) offset = n;
      distance = std::abs(relative);
    } else {
      distance = std::max<std::int64_t>(distance, 0);
    }
    const int exact = n / 2;
    if (distance < exact) return offset + static_cast<int>(distance);
    const float grown = std::log(static_cast<float>(distance) / static_cast<float>(exact)) /
                        static_cast<float>(std::log(static_cast<double>(max_distance) / exact)) * static_cast<float>(n - exact);
    return offset + std::min(exact + static_cast<int>(grown), n - 1);
  }

  Tensor bias(std::int64_t queries, std::int64_t keys) const {
    std::vector<std::int64_t> ids(static_cast<std::size_t>(queries * keys));
    for (std::int64_t i = 0; i < queries; ++i)
      for (std::int64_t j = 0; j < keys; ++j) ids[static_cast<std::size_t>(i * keys + j)] = bucket(j - (i + keys - queries));
    const Tensor rows = embedding(table, Tensor::from_ints(ids, {queries, keys}));   // [query, key, head]
    return unsqueeze(permute(rows, {2, 0, 1}), 0);
  }
};

class AttentionPart final : public Part {
 public:
  AttentionPart(AttentionCore core, std::string tower, std::string memory, std::optional<BucketedBias> relative)
      : core_(std::move(core)), mask_(tower + "mask"), memory_(std::move(memory)), cross_(false), relative_(std::move(relative)) {}
  AttentionPart& cross() { cross_ = true; return *this; }

  Tensor forward(const Tensor& x, Pass& pass) const override {
    ScoreTerms terms;
    terms.causal = core_.causal();
    terms.window = core_.window();
    Tensor source = x;
    if (cross_) {
      auto it = pass.shared.find(memory_ + "last");
      if (it == pass.shared.end()) throw std::invalid_argument("cross attention needs the output of the tower '" + memory_ + "'");
      source = it->second;
    }
    auto mask = pass.shared.find(cross_ ? memory_ + "mask" : mask_);
    const std::int64_t before = pass.cache && !cross_ && pass.cache->contains(core_.site()) && (*pass.cache)[core_.site()].k.defined()
                                    ? (*pass.cache)[core_.site()].k.size(2) : 0;
    const std::int64_t keys = source.size(1) + before;
    if (mask != pass.shared.end() && mask->second.size(1) == keys) terms.key_mask = mask->second;
    if (cross_) terms.memory_again = [source] { return source; };
    else terms.memory_again = pass.input_again;
    if (relative_) terms.bias = relative_->bias(x.size(1), keys);
    std::shared_ptr<const MixingMap> map;
    const Tensor y = core_.forward(x, source, terms, pass, &map);
    if (map) pass.maps[core_.site()] = map;
    return y;
  }
  PartCost cost(const PartLoad& load) const override {
    return core_.cost(load, cross_ ? (load.memory > 0 ? load.memory : load.tokens) : load.before + load.tokens);
  }

 private:
  AttentionCore core_;
  std::string mask_, memory_;
  bool cross_;
  std::optional<BucketedBias> relative_;
};

Result<std::unique_ptr<Part>> make(const nlohmann::json& params, BuildContext& context, bool cross) {
  VITRINE_TRY(AttentionCore core, AttentionCore::build(params, context, cross ? "cross attention" : "attention"));
  std::optional<BucketedBias> relative;
  if (params.contains("relative_bias") && params["relative_bias"].is_object()) {
    const auto& r = params["relative_bias"];
    relative.emplace();
    relative->buckets = param_or(r, "buckets", 32);
    relative->max_distance = param_or(r, "max_distance", 128);
    relative->bidirectional = param_or(r, "bidirectional", true);
    if (relative->buckets < 4 || relative->max_distance <= relative->buckets / (relative->bidirectional ? 4 : 2))
      return fail(ErrorCode::FileFormat, "relative_attention_num_buckets and relative_attention_max_distance do not go together");
    VITRINE_TRY(relative->table, context.weight("relative_bias", {relative->buckets, core.n_heads()}));
  }
  auto part = std::make_unique<AttentionPart>(std::move(core), context.tower, context.memory, std::move(relative));
  if (cross) part->cross();
  return part;
}

}  // namespace

Status register_attention(PartRegistry& registry) {
  VITRINE_CHECK(registry.add("attention", [](const nlohmann::json& p, BuildContext& c) { return make(p, c, false); }));
  VITRINE_CHECK(registry.add("cross_attention", [](const nlohmann::json& p, BuildContext& c) { return make(p, c, true); }));
  return register_window_attention(registry);
}

}  // namespace vitrine::engine
