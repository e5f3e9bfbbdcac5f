#include "engine/run/sweep.h"

#include <set>

#include <nlohmann/json.hpp>

#include "engine/model/build.h"
#include "engine/run/evaluate.h"
#include "tests/unit/engine_fixture.h"

namespace vitrine::engine {
namespace {

using namespace testing_;

/// Some heads of every mixer and what else can be changed in the first and last blocks of every tower.
std::vector<EditList> some_variants(const Model& model) {
  std::vector<EditList> all;
  const auto add = [&](const std::string& site, EditOp op, std::vector<std::int64_t> heads) {
    for (const HookInfo& hook : model.hooks())
      if (hook.name == site) all.push_back({Edit{.site = site, .heads = std::move(heads), .op = op}});
  };
  for (const auto& tower : model.towers()) {
    for (const auto& list : {tower.mixers, tower.cross})
      for (const auto& mixer : list)
        for (int head = 0; head < std::min(mixer.heads, 3); ++head) {
          add(mixer.site + ".hook_z", head == 1 ? EditOp::Mean : EditOp::Zero, {head});
          add(mixer.site + ".hook_v", EditOp::Zero, {});
          add(mixer.site + ".hook_pattern", EditOp::Scale, {head});
        }
    for (const std::string hook : {"hook_resid_pre", "hook_attn_in", "hook_attn_out", "mlp.hook_post", "mlp.hook_pre", "hook_mlp_out", "hook_resid_mid", "hook_resid_post"})
      add(tower.prefix + "blocks.1." + hook, EditOp::Mean, {});
    add(tower.prefix + "hook_embed", EditOp::Resample, {});
    add(tower.prefix + "hook_final", EditOp::Scale, {});
  }
  for (const auto& tower : model.parts().built)
    all.push_back({Edit{.site = tower.blocks.back().path, .op = EditOp::Drop}});
  all.push_back({});
  return all;
}

/// The inputs twice, with the items turned round, so that a batch of two is not one of equals.
std::map<std::string, Tensor> two_items(const Model& model) {
  auto inputs = some_inputs(model);
  for (auto& [name, x] : inputs) x = cat({x, flip(x, 1)}, 0);
  for (const auto& [name, x] : std::map(inputs))
    if (name == "input_ids" && !inputs.contains("decoder_input_ids") && model.towers().size() == 1) {
      Tensor mask = ones(x.shape(), DType::I64);
      mask = slice_scatter(mask, zeros({2, 2}, DType::I64), 1, x.size(1) - 2, x.size(1));
      inputs["attention_mask"] = mask;
    }
  return inputs;
}

class Sweep : public testing::TestWithParam<std::string> {};

TEST_P(Sweep, EqualsOneRunPerVariantWhateverTheBatch) {
  const auto model = must_open(GetParam());
  ASSERT_TRUE(model);
  const EditList shared = {Edit{.site = model->towers()[0].mixers[0].site + ".hook_z", .heads = {0}, .op = EditOp::Mean},
                           Edit{.site = model->towers()[0].mixers.back().site + ".hook_z", .heads = {1}, .op = EditOp::Resample}};
  for (const EditList& in_force : {EditList{}, shared}) {
    SweepRequest request{.inputs = two_items(*model), .edits = in_force, .variants = some_variants(*model)};
    std::vector<std::map<std::string, Tensor>> alone;
    for (const EditList& variant : request.variants) {
      EditList all = in_force;
      all.insert(all.end(), variant.begin(), variant.end());
      alone.push_back(must_run(*model, {.inputs = request.inputs, .edits = all, .capture_maps = false})->outputs);
    }
    for (const std::int64_t limit : {std::int64_t{1}, std::int64_t{1} << 17, std::int64_t{1} << 32}) {
      request.memory_limit = limit;
      std::set<std::size_t> seen;
      const auto status = sweep(*model, request, [&](std::size_t v, const std::map<std::string, Tensor>& outputs) -> Status {
        EXPECT_TRUE(seen.insert(v).second);
        EXPECT_EQ(outputs.size(), alone[v].size());
        for (const auto& [name, x] : alone[v]) {
          if (!outputs.contains(name) || outputs.at(name).shape() != x.shape()) {
            ADD_FAILURE() << describe(request.variants[v].empty() ? Edit{} : request.variants[v][0]) << " " << name;
            continue;
          }
          EXPECT_LT(difference(outputs.at(name), x) / std::max(1.0, max_abs(x)), 1e-5)
              << (request.variants[v].empty() ? "no edit" : request.variants[v][0].site) << " " << name << " limit " << limit;
        }
        return {};
      });
      ASSERT_TRUE(status) << sentence(status.error());
      EXPECT_EQ(seen.size(), request.variants.size());
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Models, Sweep,
                         testing::Values("demo:vit_digits", "demo:crate_digits", "demo:lm_text", "demo:mamba_text", "demo:clip_glyphs", "demo:codebook_fsm", golden("language/t5"),
                                         golden("language/llama"), golden("language/bert"), golden("vision/hf_swin"), golden("vision/timm_swin"), golden("vision/hf_deit_distilled")),
                         [](const auto& info) { return test_name(info.param.substr(info.param.find_last_of(":/") + 1)); });

/// z of every head of three layers: off, scaled or replaced at one token, at two, at the last; and one change elsewhere.
std::vector<EditList> patches(const Model& model) {
  std::vector<EditList> all;
  const auto& mixers = model.towers()[0].mixers;
  for (std::size_t l : {std::size_t{0}, mixers.size() / 2, mixers.size() - 1}) {
    const std::string site = mixers[l].site + ".hook_z";
    for (std::int64_t h = 0; h < std::min(mixers[l].heads, 3); ++h) {
      all.push_back({Edit{.site = site, .heads = {h}}});
      for (const std::int64_t token : {0, 3, 5, 8, -1, -3})
        all.push_back({Edit{.site = site, .heads = {h}, .tokens = {token}, .op = token % 2 == 0 ? EditOp::Scale : EditOp::Replace, .scale = 3, .value = {0.7F}}});
      all.push_back({Edit{.site = site, .heads = {h}, .tokens = {2, 6}, .op = EditOp::Zero}});
      all.push_back({Edit{.site = site, .heads = {h}, .tokens = {4}, .op = EditOp::Mean}});
      all.push_back({Edit{.site = site, .heads = {h}, .tokens = {4}}, Edit{.site = site, .heads = {-1}, .tokens = {4}, .op = EditOp::Add, .value = {0.5F}}});
    }
    all.push_back({Edit{.site = site, .tokens = {3}, .op = EditOp::Scale, .scale = 2}});
  }
  all.push_back({Edit{.site = model.towers()[0].prefix + "blocks.1.hook_resid_pre", .op = EditOp::Scale, .scale = 2}});
  return all;
}

class SweepOfLastToken : public testing::TestWithParam<std::string> {};

TEST_P(SweepOfLastToken, GivesTheLogitsOfEachRunThere) {
  const auto model = must_open(GetParam());
  ASSERT_TRUE(model);
  const EditList shared = {Edit{.site = model->towers()[0].mixers[0].site + ".hook_z", .heads = {0}, .op = EditOp::Scale, .scale = 0.5}};
  auto masked = some_inputs(*model);
  if (masked.contains("input_ids")) masked["attention_mask"] = slice_scatter(ones({1, 9}, DType::I64), zeros({1, 2}, DType::I64), 1, 0, 2);
  for (const auto& [in_force, inputs] : {std::pair{EditList{}, some_inputs(*model)}, {shared, some_inputs(*model)}, {EditList{}, two_items(*model)}, {EditList{}, masked}}) {
    SweepRequest request{.inputs = inputs, .edits = in_force, .variants = patches(*model), .last_token = true};
    std::vector<Tensor> alone;
    for (const EditList& variant : request.variants) {
      EditList all = in_force;
      all.insert(all.end(), variant.begin(), variant.end());
      const Tensor x = must_run(*model, {.inputs = request.inputs, .edits = all, .capture_maps = false})->outputs.at("logits");
      alone.push_back(x.dim() == 3 ? slice(x, 1, x.size(1) - 1, x.size(1)) : x);
    }
    for (const std::int64_t limit : {std::int64_t{1}, std::int64_t{1} << 14, std::int64_t{1} << 32}) {
      request.memory_limit = limit;
      std::set<std::size_t> seen;
      const auto status = sweep(*model, request, [&](std::size_t v, const std::map<std::string, Tensor>& outputs) -> Status {
        EXPECT_TRUE(seen.insert(v).second);
        EXPECT_EQ(outputs.size(), 1U);
        EXPECT_EQ(outputs.at("logits").shape(), alone[v].shape());
        EXPECT_LT(difference(outputs.at("logits"), alone[v]) / std::max(1.0, max_abs(alone[v])), 1e-5) << edits_to_json(request.variants[v]).dump() << " limit " << limit;
        return {};
      });
      ASSERT_TRUE(status) << sentence(status.error());
      EXPECT_EQ(seen.size(), request.variants.size());
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Models, SweepOfLastToken,
                         testing::Values("demo:lm_text", "demo:lm_text_codebook", "demo:mamba_text", "demo:vit_digits", golden("language/gpt2"), golden("language/llama"), golden("language/gpt_neox"),
                                         golden("vision/timm_swin")),
                         [](const auto& info) { return test_name(info.param.substr(info.param.find_last_of(":/") + 1)); });

TEST(Sweep, RefusesATokenThatIsNotThere) {
  const auto model = must_open("demo:lm_text");
  const SweepRequest request{.inputs = some_inputs(*model), .variants = {{Edit{.site = "blocks.0.attn.hook_z", .heads = {0}, .tokens = {9}}}}, .last_token = true};
  EXPECT_FALSE(sweep(*model, request, [](std::size_t, const auto&) -> Status { return {}; }));
}

class Variants : public testing::TestWithParam<std::string> {};

TEST_P(Variants, AreEvaluatedAsEachAlone) {
  const auto model = must_open(GetParam());
  auto opened = open_eval_set(*model);
  ASSERT_TRUE(opened) << sentence(opened.error());
  EvalSet set = **opened;
  const std::int64_t items = set.task == EvalSet::Task::LanguageModel ? 10 : 60;
  for (Tensor* x : {&set.pixel_values, &set.labels, &set.input_ids})
    if (x->defined()) *x = slice(*x, 0, 0, items);
  std::vector<EditList> variants;
  for (const auto& tower : model->towers())
    for (const auto& mixer : tower.mixers) variants.push_back({Edit{.site = mixer.site + ".hook_z", .heads = {1}}});
  int calls = 0;
  const auto together = evaluate_variants(*model, set, edits("head:0.0=zero"), variants, [&](const auto& so_far, double) { ++calls; EXPECT_EQ(so_far.size(), variants.size()); });
  ASSERT_TRUE(together) << sentence(together.error());
  EXPECT_EQ(calls, 2);
  for (std::size_t v = 0; v < variants.size(); ++v) {
    EditList all = edits("head:0.0=zero");
    all.push_back(variants[v][0]);
    const auto alone = evaluate(*model, set, all);
    ASSERT_TRUE(alone);
    EXPECT_EQ((*together)[v].items, alone->items);
    EXPECT_NEAR((*together)[v].mean_cross_entropy, alone->mean_cross_entropy, 1e-5) << variants[v][0].site;
    EXPECT_NEAR(static_cast<double>((*together)[v].correct), static_cast<double>(alone->correct), 1);
  }
}

INSTANTIATE_TEST_SUITE_P(Models, Variants, testing::Values("demo:vit_digits", "demo:lm_text", "demo:mamba_text"),
                         [](const auto& info) { return test_name(info.param.substr(info.param.find_last_of(":/") + 1)); });

}  // namespace
}  // namespace vitrine::engine
