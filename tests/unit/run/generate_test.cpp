#include "tests/unit/engine_fixture.h"

namespace vitrine::engine {
namespace {

using namespace testing_;

Tensor text_of(const std::map<std::string, Tensor>& inputs, const Generation& made) {
  const std::vector<std::int64_t> added(made.ids.begin(), made.ids.end() - 1);
  return cat({inputs.at("input_ids"), Tensor::from_ints(added, {1, static_cast<std::int64_t>(added.size())})}, 1);
}

class Generating : public testing::TestWithParam<std::string> {
 protected:
  static constexpr int kSteps = 12;
  /// Every row of the kept maps is that of one pass over the final text.
  static void compare_with_one_pass(const Model& model, const EditList& list) {
    const auto inputs = some_inputs(model);
    const auto made = generate(model, inputs, kSteps, list, {}, {.maps = true}), bare = generate(model, inputs, kSteps, list);
    ASSERT_TRUE(made) << sentence(made.error());
    ASSERT_TRUE(bare) << sentence(bare.error());
    EXPECT_EQ(made->ids, bare->ids);
    EXPECT_TRUE(bare->maps.empty());
    const auto run = must_run(model, {.inputs = {{"input_ids", text_of(inputs, *made)}}, .edits = list});
    ASSERT_FALSE(run->maps.empty());
    ASSERT_EQ(made->maps.size(), run->maps.size());
    for (const auto& [site, whole] : run->maps) {
      const MixingMap& kept = *made->maps.at(site);
      ASSERT_EQ(kept.rows(), whole->rows()) << site;
      ASSERT_EQ(kept.cols(), whole->cols()) << site;
      EXPECT_EQ(kept.stochastic(), whole->stochastic()) << site;
      for (int head = 0; head < kept.heads(); ++head) {
        const auto own = kept.tile(0, head, 0, kept.rows(), 0, kept.cols()), expected = whole->tile(0, head, 0, kept.rows(), 0, kept.cols());
        ASSERT_TRUE(own) << sentence(own.error());
        EXPECT_LT(difference(*own, *expected), 1e-4) << site << " head " << head;
        if (kept.stochastic() && kept.kind() == "dense softmax") {
          EXPECT_LT(max_abs(sum(*own, {1}) - 1.0), 1e-5) << site << " head " << head;
        }
      }
      EXPECT_LT(map_residual(kept, 0, 0).value_or(1), 1e-3) << site;
    }
  }
};

TEST_P(Generating, KeepsTheRowsOfEveryStep) { compare_with_one_pass(*must_open(GetParam()), {}); }

INSTANTIATE_TEST_SUITE_P(Models, Generating, testing::Values("demo:lm_text", "demo:mamba_text", golden("language/gpt2"), golden("language/llama"), golden("language/gpt_neox")),
                         [](const auto& info) { return test_name(info.param.substr(info.param.find_last_of(":/") + 1)); });

class GeneratingEdited : public Generating {};
TEST_P(GeneratingEdited, KeepsTheRowsAsTheEditsLeaveThem) { compare_with_one_pass(*must_open("demo:lm_text"), edits(GetParam())); }
INSTANTIATE_TEST_SUITE_P(Edits, GeneratingEdited,
                         testing::Values(R"([{"site": "blocks.0.attn.hook_pattern", "select": {"head": [1]}, "op": "zero"}])", "head:1.0=zero",
                                         R"([{"site": "blocks.1.attn.hook_attn_scores", "select": {"head": [0]}, "op": "scale", "scale": 0.5}])"),
                         [](const auto& info) { return "edit_" + std::to_string(info.index); });

TEST(Generation, KeepsNoCopyOfTheKeysForEveryStep) {
  const auto model = must_open("demo:lm_text");
  const auto made = generate(*model, some_inputs(*model), 8, {}, {}, {.maps = true});
  ASSERT_TRUE(made) << sentence(made.error());
  for (const auto& [site, map] : made->maps) EXPECT_EQ(map->values().size(2), some_inputs(*model).at("input_ids").size(1) + 7) << site;
}

}  // namespace
}  // namespace vitrine::engine
