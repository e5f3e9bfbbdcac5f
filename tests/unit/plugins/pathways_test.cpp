#include "tests/unit/plugins/support.h"

namespace vitrine::test {
namespace {

TEST(Pathways, AnEnsembleOfSubModelsIsNearerToTheModelThanItsMembers) {
  const auto report = analyse(demo("vit_digits"), "pathways", {{"members", 8}}, sample_input("vit_digits"));
  ASSERT_TRUE(report) << sentence(report.error());
  const auto &alone = array_named(*report, "one member").values, &together = array_named(*report, "together").values;
  EXPECT_NEAR(alone[0], 0, 1e-9) << "at density 1 the sub-model is the model";
  for (std::size_t i = 1; i < alone.size(); ++i) {
    EXPECT_GT(alone[i], 0);
    EXPECT_LE(together[i], alone[i] + 1e-9) << "divergence is convex";
  }
  EXPECT_TRUE(report->verified.ok);
}

TEST(Pathways, AccuracyOfTheWholeModelIsThatOfItsEvaluation) {
  const auto report = analyse(demo("vit_digits"), "pathways", {{"on", "eval"}, {"densities", "1,0.5"}, {"members", 3}}, sample_input("vit_digits"));
  ASSERT_TRUE(report) << sentence(report.error());
  const auto& rows = report->tables[0].rows;
  EXPECT_NEAR(number(rows[0][2]), 296.0 / 300, 1e-9);
  EXPECT_NEAR(number(rows[0][3]), 296.0 / 300, 1e-9);
  EXPECT_NEAR(number(rows[0][5]), 0.09349590539932251, 1e-5);
  EXPECT_LE(number(rows[1][5]), number(rows[1][4]) + 1e-9) << "cross-entropy is convex";
}

TEST(Pathways, TheSameSeedDrawsTheSameKeys) {
  const auto once = [](int seed) { return analyse(demo("lm_text"), "pathways", {{"densities", "0.5"}, {"members", 2}, {"seed", seed}}, sample_input("lm_text"))->arrays[0].values[0]; };
  EXPECT_EQ(once(3), once(3));
  EXPECT_NE(once(3), once(4));
}

TEST(Pathways, RefusesDensitiesThatAreNone) {
  for (const char* densities : {"", "0", "1.5", "0.5,,1", "a", "-0.5", "."}) {
    const auto report = analyse(demo("vit_digits"), "pathways", {{"densities", densities}}, sample_input("vit_digits"));
    ASSERT_FALSE(report) << densities;
    EXPECT_EQ(report.error().code, ErrorCode::Usage) << densities;
  }
}

}  // namespace
}  // namespace vitrine::test
