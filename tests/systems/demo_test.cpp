#include <cmath>

#include <gtest/gtest.h>

#include "engine/mixers/mixing_map.h"
#include "engine/model/model.h"
#include "engine/run/evaluate.h"
#include "engine/run/workspace.h"

namespace {

using namespace vitrine::engine;

/// What a demo reaches on its evaluation set, as resources/models/README.md says.
struct Demo {
  const char* name;
  InputItem sample;
  std::int64_t items;
  std::int64_t correct;      ///< images right; -1 for language models
  double cross_entropy;      ///< nats an image or token
  double tolerance;
};
void PrintTo(const Demo& demo, std::ostream* out) { *out << demo.name; }

std::filesystem::path sample(const char* name) { return resources_folder() / "samples" / name; }

InputItem image(const char* name) {
  InputItem item;
  item.image = sample(name);
  return item;
}

InputItem text(const char* words) {
  InputItem item;
  item.text = words;
  return item;
}

InputItem glyph() {
  InputItem item = image("glyph_small_g.png");
  item.captions = {"a small letter g", "a digit 7", "a capital letter R"};
  return item;
}

std::vector<Demo> demos() {
  return {{"vit_digits", image("digit_3.png"), 300, 296, 0.09349590539932251, 1e-5},
          {"crate_digits", image("digit_8.png"), 300, 297, 0.08782081305980682, 1e-5},
          {"codebook_fsm", text("55313342"), 256, -1, 0.895676851272583, 1e-5},
          {"lm_text", text("It was not in her nature to question the veracity"), 64, -1, 3.5013341903686523, 1e-4},
          {"lm_text_codebook", text("It was not in her nature to question the veracity"), 64, -1, 4.115516185760498, 2e-3},
          {"mamba_text", text("It was not in her nature to question the veracity"), 64, -1, 4.03301477432251, 1e-4},
          {"clip_glyphs", glyph(), 400, 339, std::nan(""), 0}};
}

class DemoTest : public testing::TestWithParam<Demo> {
 protected:
  void SetUp() override {
    auto opened = open_model(std::string("demo:") + GetParam().name);
    ASSERT_TRUE(opened) << sentence(opened.error());
    model_ = *opened;
  }
  std::shared_ptr<const Model> model_;
};

TEST_P(DemoTest, EveryWeightHasItsPlace) {
  EXPECT_TRUE(model_->weight_problems().missing.empty());
  EXPECT_TRUE(model_->weight_problems().wrong_shape.empty());
  EXPECT_TRUE(model_->weight_problems().unexpected.empty()) << model_->weight_problems().unexpected.front();
}

TEST_P(DemoTest, ReachesItsNumberOnTheEvaluationSet) {
  const auto set = open_eval_set(*model_);
  ASSERT_TRUE(set) << sentence(set.error());
  EXPECT_EQ((*set)->items(), GetParam().items);
  const auto result = evaluate(*model_, **set);
  ASSERT_TRUE(result) << sentence(result.error());
  if (GetParam().correct >= 0) {
    EXPECT_EQ(result->correct, GetParam().correct);
  }
  if (!std::isnan(GetParam().cross_entropy)) {
    EXPECT_NEAR(result->mean_cross_entropy, GetParam().cross_entropy, GetParam().tolerance);
  }
}

TEST_P(DemoTest, MapsAppliedToTheValuesAreWhatTheMixersMade) {
  Workspace workspace(model_);
  const auto taken = workspace.set_input(GetParam().sample);
  ASSERT_TRUE(taken) << sentence(taken.error());
  const auto run = workspace.base();
  ASSERT_TRUE(run) << sentence(run.error());
  ASSERT_FALSE((*run)->maps.empty());
  for (const auto& [site, map] : (*run)->maps)
    for (int head = 0; head < map->heads(); ++head) {
      const auto difference = map_residual(*map, 0, head);
      ASSERT_TRUE(difference) << site << ": " << sentence(difference.error());
      EXPECT_LT(*difference, 1e-4) << site << " head " << head;
    }
}

INSTANTIATE_TEST_SUITE_P(Demos, DemoTest, testing::ValuesIn(demos()),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(Demos, AllOfThemAreListed) {
  const auto names = demo_names();
  for (const Demo& demo : demos()) EXPECT_NE(std::ranges::find(names, demo.name), names.end()) << demo.name;
  EXPECT_EQ(names.size(), demos().size());
}

TEST(Demos, ForcedCodesReachTheFiniteStateMachine) {
  const auto model = open_model("demo:codebook_fsm");
  ASSERT_TRUE(model) << sentence(model.error());
  Workspace workspace(*model);
  ASSERT_TRUE(workspace.set_input(text("55313342")));
  EXPECT_EQ(workspace.input().towers.at(0).tokens.size(), 9u) << "<bos> and eight digits";
  const auto edits = parse_edits("code:1.4.57=force");
  ASSERT_TRUE(edits) << sentence(edits.error());
  const auto base = workspace.base();
  const auto forced = workspace.with_edits(*edits);
  ASSERT_TRUE(base && forced);
  EXPECT_NE((*base)->outputs.at("logits").to_floats(), (*forced)->outputs.at("logits").to_floats());
}

}  // namespace
