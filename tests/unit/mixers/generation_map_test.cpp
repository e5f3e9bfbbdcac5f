#include "engine/mixers/generation_map.h"

#include <gtest/gtest.h>

#include "engine/mixers/attention.h"
#include "engine/tensor/guard.h"
#include "engine/tensor/ops.h"

namespace vitrine::engine {
namespace {

double difference(const Tensor& a, const Tensor& b) { return max_abs(to(a, DType::F64) - to(b, DType::F64)); }

/// Random weights of whatever shape is asked for, the same for the same name.
class RandomWeights final : public WeightSource {
 public:
  explicit RandomWeights(DType type) : type_(type) {}
  bool has(const std::string&) const override { return true; }
  Result<Tensor> get(const std::string& name, const Shape& shape) override { return to(randn(shape, std::hash<std::string>()(name)) * 0.3, type_); }

 private:
  DType type_;
};

class PlainPass final : public Pass {
 public:
  bool wanted(HookId) const override { return false; }
  bool edited(HookId) const override { return false; }
  Tensor hook(HookId, const Tensor& x) override { return x; }
  Tensor head_gate(const std::string&, std::int64_t batch, std::int64_t heads) override { return ones({batch, heads}); }
};

struct Case {
  const char* name;
  nlohmann::json params;
  DType type = DType::F32;
  double within = 1e-5;
};

class GenerationMap : public testing::TestWithParam<Case> {};

/// Token after token through one attention layer, against all tokens at once.
TEST_P(GenerationMap, HasTheRowsOfOnePassOverAllTokens) {
  const InferenceScope no_gradients;
  constexpr std::int64_t kTokens = 23, kPrompt = 9, kWidth = 32;
  RandomWeights weights(GetParam().type);
  PartRegistry registry;
  ASSERT_TRUE(register_attention(registry));
  std::vector<HookInfo> hooks;
  std::vector<MixerFacts> mixers;
  std::vector<CodebookFacts> codebooks;
  BuildContext context;
  context.path = "blocks.0.attn";
  context.d_model = kWidth;
  context.weights = &weights;
  context.parts = &registry;
  context.hooks = &hooks;
  context.mixers = &mixers;
  context.codebooks = &codebooks;
  const auto part = registry.build({"attention", GetParam().params}, context);
  ASSERT_TRUE(part) << sentence(part.error());
  const Tensor x = to(randn({1, kTokens, kWidth}, 5), GetParam().type);
  PlainPass whole;
  const Tensor expected = (*part)->forward(x, whole);
  PlainPass steps;
  std::map<std::string, KeyValueCache> cache;
  steps.cache = &cache;
  std::vector<Tensor> outputs;
  for (std::int64_t at = 0; at < kTokens;) {
    const std::int64_t end = at == 0 ? kPrompt : at + 1;
    steps.position = at;
    steps.tokens_to_come = kTokens - end;
    outputs.push_back((*part)->forward(slice(x, 1, at, end), steps));
    at = end;
  }
  EXPECT_LT(difference(cat(outputs, 1), expected), GetParam().within * std::max(1.0, max_abs(expected)));
  const auto kept = generation_map(cache.at("blocks.0.attn")), all = whole.maps.at("blocks.0.attn");
  ASSERT_EQ(kept->rows(), kTokens);
  ASSERT_EQ(kept->cols(), kTokens);
  for (int head = 0; head < kept->heads(); ++head) {
    const Tensor own = *kept->tile(0, head, 0, kTokens, 0, kTokens), other = *all->tile(0, head, 0, kTokens, 0, kTokens);
    EXPECT_LT(difference(own, other), GetParam().within);
    EXPECT_LT(max_abs(sum(own, {1}) - 1.0), 1e-5);
    EXPECT_LT(max_abs(slice(slice(own, 0, 0, kPrompt), 1, kPrompt, kTokens)), 1e-30);
  }
}

const nlohmann::json kPlain{{"n_heads", 4}, {"n_kv_heads", 2}, {"d_head", 8}, {"causal", true}, {"bias", false}};
nlohmann::json with(const char* key, nlohmann::json value) {
  nlohmann::json params = kPlain;
  params[key] = std::move(value);
  return params;
}

INSTANTIATE_TEST_SUITE_P(Kinds, GenerationMap,
                         testing::Values(Case{"plain", kPlain}, Case{"window", with("window", 5)}, Case{"wide_window", with("window", 100)},
                                         Case{"rotary", with("rope", {{"base", 10000.0}})},
                                         Case{"relative_bias", with("relative_bias", {{"buckets", 8}, {"max_distance", 16}, {"bidirectional", false}})},
                                         Case{"bfloat16", kPlain, DType::BF16, 2e-2}),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace vitrine::engine
