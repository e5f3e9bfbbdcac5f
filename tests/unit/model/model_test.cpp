#include "engine/model/model.h"

#include <cmath>

#include "engine/model/build.h"
#include "engine/run/workspace.h"
#include "tests/unit/engine_fixture.h"

namespace vitrine::engine {
namespace {

using namespace testing_;

class AnyModel : public testing::TestWithParam<std::string> {};

TEST_P(AnyModel, DeclaresTheAxesOfTheTensorsThatArrive) {
  const auto model = must_open(GetParam());
  const auto run = must_run(*model, {.inputs = some_inputs(*model), .taps = {"*"}});
  std::size_t seen = 0;
  for (const auto& hook : model->hooks()) {
    auto it = run->taps.find(hook.name);
    if (it == run->taps.end()) continue;
    ++seen;
    EXPECT_EQ(static_cast<std::size_t>(it->second.dim()), hook.axes.size()) << hook.name << " " << shape_text(it->second.shape());
  }
  EXPECT_EQ(seen, model->hooks().size()) << "every hook is passed";
}

TEST_P(AnyModel, UsesEveryTensorOfItsFile) {
  const auto model = must_open(GetParam());
  EXPECT_TRUE(model->weight_problems().unexpected.empty()) << model->weight_problems().unexpected[0];
  EXPECT_TRUE(model->weight_problems().missing.empty());
}

TEST_P(AnyModel, MapsTimesValuesAreTheMixersOutput) {
  const auto model = must_open(GetParam());
  const auto run = must_run(*model, {.inputs = some_inputs(*model)});
  EXPECT_FALSE(run->maps.empty());
  for (const auto& [site, map] : run->maps)
    for (int h = 0; h < std::min(map->heads(), 5); ++h) {
      const auto residual = map_residual(*map, 0, h);
      ASSERT_TRUE(residual) << sentence(residual.error());
      EXPECT_LT(*residual, 1e-4 * std::max(1.0, max_abs(map->output()))) << site << " " << h;
    }
}

TEST_P(AnyModel, TilesAreCutsOfTheWholeMapAndRowsOfProbabilitiesSumToOne) {
  const auto model = must_open(GetParam());
  const auto run = must_run(*model, {.inputs = some_inputs(*model)});
  for (const auto& [site, map] : run->maps) {
    const auto whole = map->tile(0, 0, 0, map->rows(), 0, map->cols());
    const auto part = map->tile(0, 0, 1, map->rows(), 2, 5);
    ASSERT_TRUE(whole && part);
    EXPECT_LT(difference(slice(slice(*whole, 0, 1, map->rows()), 1, 2, 5), *part), 1e-5) << site;
    if (map->stochastic()) EXPECT_LT(max_abs(sum(*whole, {1}) - 1.0), 1e-5) << site;
    EXPECT_FALSE(map->tile(0, map->heads(), 0, 1, 0, 1));
    EXPECT_FALSE(map->tile(0, 0, 0, map->rows() + 1, 0, 1));
  }
}

TEST_P(AnyModel, StaysCloseInBfloat16) {
  const auto model = must_open(GetParam()), half = must_open(GetParam(), DType::BF16);
  const auto inputs = some_inputs(*model);
  const auto a = must_run(*model, {.inputs = inputs}), b = must_run(*half, {.inputs = inputs});
  for (const auto& [site, map] : a->maps) {
    if (!map->stochastic() || !site.ends_with("blocks.0.attn")) continue;
    const auto x = map->tile(0, 0, 0, map->rows(), 0, map->cols()), y = b->maps.at(site)->tile(0, 0, 0, map->rows(), 0, map->cols());
    ASSERT_TRUE(x && y);
    EXPECT_LT(difference(*x, *y), 0.1) << site;
    EXPECT_GT(difference(*x, *y), 0) << "bfloat16 was really used";
  }
}

std::vector<std::string> models() {
  auto names = demo_models();
  for (const char* c : {"language/bert", "language/gpt2", "language/llama", "language/t5", "language/mamba", "vision/hf_vit", "vision/hf_deit_distilled", "vision/hf_dinov2", "vision/hf_swin",
                        "vision/timm_vit", "vision/timm_swin", "multimodal/clip", "papers/crate_vit"})
    names.push_back(golden(c));
  return names;
}

INSTANTIATE_TEST_SUITE_P(Models, AnyModel, testing::ValuesIn(models()), [](const auto& info) {
  const auto at = info.param.find("golden/");
  return test_name(at == std::string::npos ? info.param : info.param.substr(at + 7));
});

TEST(OpenModel, SaysWhatItExpectedOfAnUnknownArchitecture) {
  const auto opened = open_model(golden("language/bert") + "/config.json");
  ASSERT_FALSE(opened);
  EXPECT_EQ(exit_code(opened.error().code), 3);
  const auto demo = open_model("demo:nothing");
  ASSERT_FALSE(demo);
  EXPECT_NE(demo.error().message.find("vit_digits"), std::string::npos);
}

TEST(OpenModel, ResizesPatchesWhereItsNameAsksForIt) {
  InputItem item;
  item.image = resources_folder() / "samples" / "digit_3.png";
  for (const auto& [name, tokens] : {std::pair{"demo:vit_digits", 65}, {"demo:vit_digits@patch=4", 65}, {"demo:vit_digits@patch=2", 257}, {"demo:vit_digits@patch=5", 37}}) {
    Workspace workspace(must_open(name));
    ASSERT_TRUE(workspace.set_input(item));
    const auto run = workspace.base();
    ASSERT_TRUE(run) << sentence(run.error());
    EXPECT_EQ((*run)->maps.begin()->second->rows(), tokens) << name;
    EXPECT_EQ(workspace.model().name(), name);
  }
}

TEST(OpenModel, RefusesPatchesThatCannotBe) {
  const auto refused = [](const char* name) {
    const auto opened = open_model(name);
    return opened ? std::string() : opened.error().message;
  };
  EXPECT_NE(refused("demo:lm_text@patch=2").find("this model has none such"), std::string::npos);
  EXPECT_NE(refused("demo:vit_digits@patch=33").find("1 pixel to the picture's side"), std::string::npos);
  for (const char* name : {"demo:vit_digits@patch=0", "demo:vit_digits@patch=-1", "demo:vit_digits@patch=", "demo:vit_digits@patch=2x"})
    EXPECT_NE(refused(name).find("vit_digits"), std::string::npos) << name;
}

}  // namespace
}  // namespace vitrine::engine
