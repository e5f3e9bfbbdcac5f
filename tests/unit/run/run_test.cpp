#include "engine/run/run.h"

#include "engine/core/free_memory.h"
#include "engine/run/workspace.h"
#include "tests/unit/engine_fixture.h"

namespace vitrine::engine {
namespace {

using namespace testing_;

class Reuse : public testing::TestWithParam<std::string> {};

TEST_P(Reuse, AChildRunEqualsARunFromTheStart) {
  const auto model = must_open(GetParam());
  const auto inputs = some_inputs(*model);
  const auto base = must_run(*model, {.inputs = inputs});
  for (const auto& tower : model->towers())
    for (const auto& mixer : tower.mixers) {
      Edit edit;
      edit.site = mixer.site + ".hook_z";
      edit.heads = {mixer.heads - 1};
      const auto whole = must_run(*model, {.inputs = inputs, .edits = {edit}});
      const auto child = must_run(*model, {.inputs = inputs, .edits = {edit}, .parent = base});
      ASSERT_EQ(whole->outputs.size(), child->outputs.size());
      for (const auto& [name, x] : whole->outputs) EXPECT_LT(difference(x, child->outputs.at(name)), 1e-5) << mixer.site << " " << name;
      EXPECT_GE(child->blocks_reused, mixer.layer);
      EXPECT_EQ(child->maps.size(), whole->maps.size());
    }
}

INSTANTIATE_TEST_SUITE_P(Models, Reuse, testing::Values("demo:vit_digits", "demo:lm_text", "demo:mamba_text", "demo:clip_glyphs", golden("language/t5"), golden("vision/hf_swin"), golden("vision/timm_swin")),
                         [](const auto& info) { return test_name(info.param.substr(info.param.find_last_of(":/") + 1)); });

class Maps : public testing::TestWithParam<std::string> {};

/// A map keeps queries, keys and log-sum-exp; its values and output are made again when they are asked for.
TEST_P(Maps, GiveTheValuesAndTheOutputThatTheirLayerHad) {
  const auto model = must_open(GetParam());
  for (const bool keep : {true, false}) {
    const auto run = must_run(*model, {.inputs = some_inputs(*model), .taps = {"*.hook_v", "*.hook_z"}, .keep_residuals = keep});
    ASSERT_FALSE(run->maps.empty());
    for (const auto& [site, map] : run->maps) {
      EXPECT_EQ(difference(transpose(map->output(), 1, 2), run->taps.at(site + ".hook_z")), 0) << site;
      const Tensor v = run->taps.at(site + ".hook_v");
      EXPECT_EQ(difference(transpose(map->values(), 1, 2), repeat_interleave(v, map->heads() / v.size(2), 2)), 0) << site;
    }
  }
}

/// What nobody looks at may be computed in one piece with what follows.
TEST_P(Maps, LookingInBetweenChangesNothing) {
  const auto model = must_open(GetParam());
  const auto quiet = must_run(*model, {.inputs = some_inputs(*model)}), watched = must_run(*model, {.inputs = some_inputs(*model), .taps = {"*"}});
  for (const auto& [name, x] : quiet->outputs) EXPECT_LT(difference(x, watched->outputs.at(name)), 1e-4) << name;
}

INSTANTIATE_TEST_SUITE_P(Models, Maps, testing::Values("demo:vit_digits", "demo:lm_text", "demo:clip_glyphs", golden("language/t5"), golden("language/gpt_neox")),
                         [](const auto& info) { return test_name(info.param.substr(info.param.find_last_of(":/") + 1)); });

TEST(Memory, ThatAPassWouldNotFitIntoIsRefusedBeforeItBegins) {
  const auto model = must_open("demo:lm_text");
  const std::int64_t tokens = some_inputs(*model).at("input_ids").size(1);
  RunRequest pass{.inputs = {{"input_ids", zeros({8192, tokens}, DType::I64)}}, .capture_maps = false, .keep_residuals = false, .differentiable = true};
  ASSERT_GT(forecast_activations(*model, pass), 256 << 20);
  limit_memory(1);
  const auto refused = run_model(*model, pass);
  limit_memory(0);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::DoesNotFit);
  EXPECT_NE(refused.error().message.find("with gradients needs about"), std::string::npos) << refused.error().message;
  EXPECT_GT(free_memory(), 0);
}

TEST(Edits, ZeroOfAHeadLeavesTheOthersAlone) {
  const auto model = must_open("demo:lm_text");
  const auto run = must_run(*model, {.inputs = some_inputs(*model), .edits = edits("head:1.2=zero"), .taps = {"blocks.1.attn.hook_z"}});
  const auto plain = must_run(*model, {.inputs = some_inputs(*model), .taps = {"blocks.1.attn.hook_z"}});
  const Tensor z = run->taps.at("blocks.1.attn.hook_z"), before = plain->taps.at("blocks.1.attn.hook_z");
  EXPECT_EQ(max_abs(select(z, 2, 2)), 0);
  EXPECT_LT(difference(select(z, 2, 1), select(before, 2, 1)), 1e-6);
}

TEST(Edits, ATokenSelectionTouchesOnlyThatRow) {
  const auto model = must_open("demo:lm_text");
  const auto list = edits(R"([{"site": "blocks.0.hook_mlp_out", "select": {"token": [3]}, "op": "zero"}])");
  const auto run = must_run(*model, {.inputs = some_inputs(*model), .edits = list, .taps = {"blocks.0.hook_mlp_out"}});
  const Tensor out = run->taps.at("blocks.0.hook_mlp_out");
  EXPECT_EQ(max_abs(select(out, 1, 3)), 0);
  EXPECT_GT(max_abs(select(out, 1, 2)), 0);
}

TEST(Edits, ADroppedLayerPassesTheStreamOn) {
  const auto model = must_open("demo:vit_digits");
  const auto run = must_run(*model, {.inputs = some_inputs(*model), .edits = edits("layer:2=drop")});
  const auto& stream = run->residuals.at("");
  EXPECT_EQ(difference(stream[2], stream[3]), 0);
  EXPECT_GT(difference(stream[3], stream[4]), 0);
}

TEST(Edits, ForcedCodesAreTheOnesThatFire) {
  const auto model = must_open("demo:codebook_fsm");
  const auto run = must_run(*model, {.inputs = some_inputs(*model), .edits = edits("code:1.4.57=force"), .taps = {"blocks.1.codebook.4.hook_codes"}});
  for (const auto code : run->taps.at("blocks.1.codebook.4.hook_codes").to_ints()) EXPECT_EQ(code, 57);
}

TEST(Edits, AnEditedPatternIsTheMapThatActs) {
  const auto model = must_open("demo:vit_digits");
  const auto run = must_run(*model, {.inputs = some_inputs(*model), .edits = edits(R"([{"site": "blocks.1.attn.hook_pattern", "select": {"head": [0]}, "op": "scale", "scale": 0.5}])")});
  const auto& map = *run->maps.at("blocks.1.attn");
  const auto residual = map_residual(map, 0, 0);
  ASSERT_TRUE(residual);
  EXPECT_LT(*residual, 1e-5);
  EXPECT_FALSE(map.stochastic());
  EXPECT_LT(max_abs(sum(*map.tile(0, 0, 0, map.rows(), 0, map.cols()), {1}) - 0.5), 1e-5);
}

TEST(Edits, ASubsampledPatternKeepsAShareOfItsKeysAndSumsToOne) {
  const auto model = must_open("demo:lm_text");
  const auto whole = must_run(*model, {.inputs = some_inputs(*model)});
  const auto list = edits(R"([{"site": "blocks.1.attn.hook_pattern", "select": {"head": [2]}, "op": "subsample", "scale": 0.5, "seed": 7}])");
  EXPECT_EQ(edits(edits_to_json(list).dump()), list);
  const auto run = must_run(*model, {.inputs = some_inputs(*model), .edits = list});
  const auto n = run->maps.at("blocks.1.attn")->rows();
  const auto before = whole->maps.at("blocks.1.attn")->tile(0, 2, 0, n, 0, n)->to_floats(), after = run->maps.at("blocks.1.attn")->tile(0, 2, 0, n, 0, n)->to_floats();
  std::int64_t kept = 0, seen = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    double sum = 0, left = 0;
    for (std::int64_t j = 0; j <= i; ++j) {
      const auto at = static_cast<std::size_t>(i * n + j);
      sum += after[at];
      left += after[at] > 0 ? before[at] : 0;
      if (j < i) ++seen, kept += after[at] > 0;
    }
    EXPECT_NEAR(sum, 1, 1e-5);
    for (std::int64_t j = 0; j <= i; ++j) {
      const auto at = static_cast<std::size_t>(i * n + j);
      if (after[at] > 0) EXPECT_NEAR(after[at], before[at] / left, 1e-5);
    }
    EXPECT_GT(after[static_cast<std::size_t>(i * n + i)], 0) << "its own key";
  }
  EXPECT_GT(kept, seen / 5);
  EXPECT_LT(kept, seen * 4 / 5);
  EXPECT_LT(*map_residual(*run->maps.at("blocks.1.attn"), 0, 2), 1e-5);
  EXPECT_FALSE(run_model(*model, {.inputs = some_inputs(*model), .edits = edits(R"([{"site": "blocks.1.attn.hook_z", "op": "subsample", "scale": 0.5}])")}));
  EXPECT_FALSE(run_model(*model, {.inputs = some_inputs(*model), .edits = edits(R"([{"site": "blocks.1.attn.hook_pattern", "op": "subsample", "scale": 0}])")}));
}

TEST(Edits, TextAndJsonFormsComeBack) {
  const auto list = edits("head:5.1=zero, mlp:3=mean, attn:3=zero, layer:7=drop, neuron:4.113=zero, code:2.0.57=force, head:text.0.2=scale(0.5)");
  ASSERT_EQ(list.size(), 7U);
  EXPECT_EQ(list[0].site, "blocks.5.attn.hook_z");
  EXPECT_EQ(list[6].site, "text.blocks.0.attn.hook_z");
  EXPECT_EQ(list[6].scale, 0.5);
  const auto again = edits(edits_to_json(list).dump());
  EXPECT_EQ(again, list);
  EXPECT_EQ(describe(list[0]), "head 5.1 zeroed");
}

TEST(Edits, RefusesWhatIsNotThere) {
  for (const char* bad : {"head:5=zero", "head:1.1", "nose:1.1=zero", "head:1.1=explode", "[{\"op\": \"zero\"}]", "[{", "[{\"site\": \"x\", \"select\": {\"hat\": 1}}]"})
    EXPECT_FALSE(parse_edits(bad)) << bad;
  const auto model = must_open("demo:vit_digits");
  for (const char* bad : {"head:0.9=zero", "head:77.0=zero", "neuron:0.9999=zero"}) {
    const auto run = run_model(*model, {.inputs = some_inputs(*model), .edits = edits(bad)});
    ASSERT_FALSE(run) << bad;
    EXPECT_EQ(run.error().message.find('\n'), std::string::npos);
  }
}

TEST(Generation, ACacheChangesNothing) {
  const auto model = must_open("demo:lm_text");
  std::map<std::string, Tensor> inputs = some_inputs(*model);
  const auto quick = generate(*model, inputs, 6);
  ASSERT_TRUE(quick) << sentence(quick.error());
  for (std::size_t i = 0; i < 6; ++i) {
    const auto run = must_run(*model, {.inputs = inputs});
    const Tensor logits = run->outputs.at("logits");
    EXPECT_LT(difference(select(select(logits, 0, 0), 0, logits.size(1) - 1), quick->logits[i]), 1e-3);
    inputs["input_ids"] = cat({inputs["input_ids"], Tensor::from_ints(std::vector<std::int64_t>{quick->ids[i]}, {1, 1})}, 1);
  }
}

TEST(RunModel, RefusesIdsBeyondTheVocabularyAndTextsThatAreTooLong) {
  const auto model = must_open("demo:lm_text");
  const auto run = run_model(*model, {.inputs = {{"input_ids", Tensor::from_ints(std::vector<std::int64_t>{1, 99999}, {1, 2})}}});
  ASSERT_FALSE(run);
  EXPECT_NE(run.error().message.find("99999"), std::string::npos);
  Workspace workspace(model);
  InputItem item;
  item.text = std::string(4000, 'x');
  EXPECT_FALSE(workspace.set_input(item));
}

TEST(RunModel, StopsWhenAskedTo) {
  const auto model = must_open("demo:lm_text");
  Progress progress;
  progress.cancel();
  const auto run = run_model(*model, {.inputs = some_inputs(*model)}, progress);
  ASSERT_FALSE(run);
  EXPECT_EQ(run.error().code, ErrorCode::Cancelled);
}

TEST(RunModel, GradientsOfHeadGatesAreThoseOfFiniteDifferences) {
  const auto model = must_open("demo:lm_text");
  const auto inputs = some_inputs(*model);
  const auto loss_of = [](const engine::Run& run) { return mean_all(cross_entropy(select(run.outputs.at("logits"), 0, 0), zeros({run.outputs.at("logits").size(1)}, DType::I64))); };
  const auto run = must_run(*model, {.inputs = inputs, .differentiable = true});
  const auto g = gradients(loss_of(*run), {run->head_gates.at("blocks.1.attn")});
  const auto found = g[0].to_floats();
  for (int h = 0; h < 4; ++h) {
    const auto at = [&](double scale) {
      Edit edit{.site = "blocks.1.attn.hook_z", .heads = {h}, .op = EditOp::Scale, .scale = scale};
      return loss_of(*must_run(*model, {.inputs = inputs, .edits = {edit}})).item();
    };
    const double finite = (at(1.02) - at(0.98)) / 0.04;
    EXPECT_NEAR(found[static_cast<std::size_t>(h)], finite, 0.02 * std::abs(finite) + 2e-4) << h;
  }
}

}  // namespace
}  // namespace vitrine::engine
