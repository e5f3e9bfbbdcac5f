#include <cmath>

#include "engine/tensor/ops.h"
#include "plugins/analyses/induction.h"
#include "tests/unit/plugins/support.h"

namespace vitrine::test {
namespace {

using namespace vitrine::plugins;

RepeatedTokens reference_tokens() {
  const auto ids = golden("lm_text_induction/input.safetensors", "input_ids");
  return {Tensor::from_ints(ids.ints(), ids.shape), 40, 1};
}

TEST(Induction, ScoresOfEveryHeadEqualTheReference) {
  const auto model = demo("lm_text");
  const auto scores = induction_scores(*model, model->towers()[0], reference_tokens(), {}, {});
  ASSERT_TRUE(scores) << sentence(scores.error());
  const std::string file = "lm_text_induction/expected.safetensors";
  for (const auto& [name, ours] : std::vector<std::pair<std::string, std::vector<float>>>{
           {"induction", scores->induction}, {"duplicate", scores->duplicate}, {"previous", scores->previous}, {"first_token", scores->first_token}}) {
    const auto expected = golden(file, name).values;
    ASSERT_EQ(ours.size(), expected.size());
    for (std::size_t i = 0; i < ours.size(); ++i) EXPECT_NEAR(ours[i], expected[i], 1e-5) << name << " of head " << i / 4 << "." << i % 4;
  }
  const auto metrics = golden_json("lm_text_induction/metrics.json")["metrics"];
  EXPECT_NEAR(scores->loss_first, metrics["loss_first_half"].get<double>(), 1e-4);
  EXPECT_NEAR(scores->loss_second, metrics["loss_second_half"].get<double>(), 1e-4);
}

TEST(Induction, LossWithoutEachHeadEqualsTheReference) {
  const auto model = demo("lm_text");
  const auto input = reference_tokens();
  for (const auto& row : golden_csv("lm_text_induction/heads.csv")) {
    const auto loss = repeat_loss(*model, input, {{.site = "blocks." + row.at("layer") + ".attn.hook_z", .heads = {std::stoi(row.at("head"))}}});
    ASSERT_TRUE(loss) << sentence(loss.error());
    EXPECT_NEAR(*loss, std::stod(row.at("repeat_loss_if_zeroed")), 1e-4) << row.at("layer") << "." << row.at("head");
  }
}

TEST(Induction, FindsTheHeadsOnTokensOfItsOwn) {
  const auto report = analyse(demo("lm_text"), "induction", {{"rows", 4}, {"ablate", true}}, {});
  ASSERT_TRUE(report) << sentence(report.error());
  const auto& induction = array_named(*report, "induction").values;
  for (int head : {9, 11, 12, 13}) EXPECT_GT(induction[static_cast<std::size_t>(head)], 0.6F) << head;
  EXPECT_GT(array_named(*report, "previous").values[0], 0.8F);
  EXPECT_GT(array_named(*report, "repeat_loss_if_zeroed").values[0], 5.0F);
  EXPECT_TRUE(report->verified.ok);
}

TEST(RepeatedTokens, AreRepeatableAndRepeat) {
  const auto a = repeated_tokens(1024, 0, 40, 3, 7), b = repeated_tokens(1024, 0, 40, 3, 7), other = repeated_tokens(1024, 0, 40, 3, 8);
  EXPECT_EQ(a.ids.to_ints(), b.ids.to_ints());
  EXPECT_NE(a.ids.to_ints(), other.ids.to_ints());
  const auto ids = a.ids.to_ints();
  for (std::size_t row = 0; row < 3; ++row) {
    EXPECT_EQ(ids[row * 81], 0);
    for (std::size_t i = 1; i <= 40; ++i) {
      EXPECT_EQ(ids[row * 81 + i], ids[row * 81 + 40 + i]);
      EXPECT_NE(ids[row * 81 + i], 0);
    }
  }
}

}  // namespace
}  // namespace vitrine::test
