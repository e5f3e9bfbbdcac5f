#include "engine/run/model_cost.h"

#include "engine/model/build.h"
#include "engine/run/pass.h"
#include "tests/bench/counted_operations.h"
#include "tests/bench/hollow_file.h"
#include "tests/bench/random_model.h"
#include "tests/temporary_folder.h"
#include "tests/unit/engine_fixture.h"

namespace vitrine::engine {
namespace {

using namespace testing_;

double total(const std::vector<TowerCost>& towers, double (*of)(const LayerCost&)) {
  double sum = 0;
  for (const TowerCost& tower : towers)
    for (const LayerCost& layer : tower.layers) sum += of(layer);
  return sum;
}

double linear_of(const LayerCost& layer) {
  double sum = 0;
  for (const auto& s : layer.sublayers) sum += s.part.linear_flops;
  return sum;
}

/// Products of all pairs, hidden ones too: what plain operators compute.
double whole_mixing_of(const LayerCost& layer) {
  double sum = 0;
  for (const auto& s : layer.sublayers) {
    if (!s.part.mixing || s.part.mixing->form != Mixing::Form::Softmax) continue;
    Mixing m = *s.part.mixing;
    m.pairs = static_cast<double>(m.queries * m.keys);
    sum += PartCost::mixing_flops(m);
  }
  return sum;
}

class Gpt2Small : public testing::Test {
 protected:
  void SetUp() override {
    const auto form = bench::random_gpt2(12, 768, 12, 50257, 1024);
    std::ofstream(folder_.path() / "config.json") << form.config;
    bench::write_hollow(folder_.path() / "model.safetensors", bench::header_of(form, false), 4 * static_cast<std::uint64_t>(form.values()));
    const auto opened = open_model(folder_.path().string(), {.stream = true});
    ASSERT_TRUE(opened) << sentence(opened.error());
    model_ = *opened;
  }
  test::TemporaryFolder folder_;
  std::shared_ptr<const Model> model_;
};

TEST_F(Gpt2Small, HasTheCostsThatAreCountedByHand) {
  EXPECT_EQ(model_->parameter_count(), 124'439'808);
  const auto towers = model_cost(*model_, load_for(*model_, 1, 1024));
  ASSERT_EQ(towers.size(), 1U);
  ASSERT_EQ(towers[0].layers.size(), 14U);   // the stem, twelve blocks, the head
  const double matrices = 12.0 * 768 * 768, unembedding = 50257.0 * 768;
  EXPECT_EQ(towers[0].layers[1].weights, matrices + 13 * 768);
  EXPECT_EQ(total(towers, linear_of), 2 * 1024 * (12 * matrices + unembedding));
  EXPECT_EQ(towers[0].flops() - total(towers, linear_of), 12 * 12 * 4.0 * 64 * (1024 * 1025 / 2));
  EXPECT_EQ(towers[0].state(), 12 * 2.0 * 768 * 1024);
  EXPECT_EQ(towers[0].weights_read(), 12 * (matrices + 13 * 768) + unembedding);
}

TEST_F(Gpt2Small, TakesOneStepWithTheKeysOfAllBefore) {
  const auto towers = model_cost(*model_, step_for(*model_, 1, 1023));
  ASSERT_EQ(towers.size(), 1U);
  EXPECT_EQ(towers[0].state(), 12 * 2.0 * 768 * 1024);
  EXPECT_EQ(towers[0].flops(), 2 * (12 * 12.0 * 768 * 768 + 50257.0 * 768) + 12 * 12 * 4.0 * 64 * 1024);
}

class Costs : public testing::TestWithParam<std::string> {};

TEST_P(Costs, OfTwiceTheBatchAreTwiceTheActivationsAndTheSameWeights) {
  const auto model = must_open(GetParam());
  const auto one = model_cost(*model, load_for(*model, 3, 24)), two = model_cost(*model, load_for(*model, 6, 24));
  ASSERT_EQ(one.size(), two.size());
  for (std::size_t t = 0; t < one.size(); ++t) {
    EXPECT_DOUBLE_EQ(two[t].flops(), 2 * one[t].flops());
    EXPECT_DOUBLE_EQ(two[t].state(), 2 * one[t].state());
    EXPECT_EQ(two[t].weights_read(), one[t].weights_read());
    for (std::size_t l = 0; l < one[t].layers.size(); ++l) {
      EXPECT_DOUBLE_EQ(two[t].layers[l].values(), 2 * one[t].layers[l].values());
      EXPECT_DOUBLE_EQ(two[t].layers[l].live, 2 * one[t].layers[l].live);
    }
  }
}

TEST_P(Costs, AreTheOperationsThatAPassReallyDoes) {
  const auto model = must_open(GetParam());
  const auto inputs = some_inputs(*model);
  const auto towers = model_cost(*model, load_of(*model, inputs));
  must_run(*model, {.inputs = inputs, .capture_maps = false, .keep_residuals = false, .differentiable = true});
  const bench::CountedOperations counted;
  must_run(*model, {.inputs = inputs, .capture_maps = false, .keep_residuals = false, .differentiable = true});
  const double expected = total(towers, linear_of) + total(towers, whole_mixing_of);
  EXPECT_GT(expected, 0);
  EXPECT_NEAR(counted.done() / expected, 1, 0.01);
}

INSTANTIATE_TEST_SUITE_P(Models, Costs,
                         testing::Values("demo:vit_digits", "demo:lm_text", "demo:mamba_text", "demo:crate_digits", "demo:clip_glyphs", golden("language/bert"), golden("language/gpt2"),
                                         golden("language/llama"), golden("language/gpt_neox"), golden("language/t5"), golden("vision/hf_swin"), golden("vision/timm_swin")),
                         [](const auto& info) { return test_name(info.param.substr(info.param.find_last_of(":/") + 1)); });

/// What a generation has in its cache after some steps.
double cached(const Model& model, std::int64_t tokens) {
  std::map<std::string, KeyValueCache> cache;
  const auto kept = guard([&]() -> Result<double> {
    const InferenceScope no_gradients;
    Run run;
    VITRINE_TRY(const ResolvedEdits none, resolve_edits(model, {}));
    RunPass pass(model, none, {}, run);
    pass.cache = &cache;
    pass.capture_maps = false;
    for (std::int64_t position = 0; position < tokens; position += position == 0 ? tokens - 2 : 1) {   // a text, then token by token
      const std::int64_t count = position == 0 ? tokens - 2 : 1;
      pass.inputs["input_ids"] = zeros({1, count}, DType::I64);
      pass.position = position;
      const BuiltTower& tower = model.parts().built[0];
      Tensor x = tower.stem->forward(Tensor(), pass);
      for (const auto& block : tower.blocks) x = run_block(block, x, pass);
    }
    double values = 0;
    for (const auto& [site, kv] : cache) values += static_cast<double>(kv.k.numel() + kv.v.numel());
    return values;
  });
  EXPECT_TRUE(kept) << sentence(kept.error());
  return kept ? *kept : -1;
}

class Kept : public testing::TestWithParam<std::string> {};

TEST_P(Kept, IsWhatTheCacheOfAGenerationHolds) {
  const auto model = must_open(GetParam());
  double forecast = 0;
  for (const TowerCost& tower : model_cost(*model, step_for(*model, 1, 11))) forecast += tower.state();
  EXPECT_GT(forecast, 0);
  EXPECT_EQ(cached(*model, 12), forecast);
}

INSTANTIATE_TEST_SUITE_P(Models, Kept, testing::Values("demo:lm_text", golden("language/gpt2"), golden("language/llama"), golden("language/gpt_neox")),
                         [](const auto& info) { return test_name(info.param.substr(info.param.find_last_of(":/") + 1)); });

TEST(ModelCost, OfGroupedKeysKeepsOnlyTheirHeads) {
  const auto llama = must_open(golden("language/llama"));
  const auto towers = model_cost(*llama, step_for(*llama, 1, 9));
  EXPECT_EQ(towers[0].state(), 10 * 2.0 * 3 * 2 * 8);   // keys and values of 3 layers with 2 heads of 8, where there are 6 of queries
}

TEST(ModelCost, OfAStateSpaceKeepsTheSameAfterAnyText) {
  const auto mamba = must_open("demo:mamba_text");
  const auto few = model_cost(*mamba, step_for(*mamba, 1, 10)), many = model_cost(*mamba, step_for(*mamba, 1, 10'000));
  EXPECT_GT(few[0].state(), 0);
  EXPECT_EQ(few[0].state(), many[0].state());
}

TEST(ModelCost, OfAnEncoderKeepsNothing) {
  const auto bert = must_open(golden("language/bert"));
  for (const TowerCost& tower : model_cost(*bert, load_for(*bert, 1, 12))) EXPECT_EQ(tower.state(), 0);
}

TEST(ModelCost, OfStagesFollowsTheTokensThatTheyLeave) {
  const auto swin = must_open(golden("vision/hf_swin"));
  const auto run = must_run(*swin, {.inputs = some_inputs(*swin), .taps = {"*.hook_resid_pre"}});
  const auto towers = model_cost(*swin, load_of(*swin, some_inputs(*swin)));
  int blocks = 0;
  for (const LayerCost& layer : towers[0].layers)
    if (const auto tap = run->taps.find(layer.path + ".hook_resid_pre"); tap != run->taps.end()) {
      EXPECT_EQ(layer.tokens, tap->second.size(1)) << layer.path;
      ++blocks;
    }
  EXPECT_GT(blocks, 1);
}

}  // namespace
}  // namespace vitrine::engine
