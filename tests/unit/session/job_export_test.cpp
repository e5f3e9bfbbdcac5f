#include "app/session/job_export.h"

#include <gtest/gtest.h>

namespace vitrine::app {
namespace {

using nlohmann::json;

TEST(JobExport, RepeatsModelInputEditsAndEveryAnalysisOnce) {
  const std::vector<Command> commands = {
      open_model_command("demo:vit_digits"),
      {{"do", "set_input"}, {"image", "d.png"}},
      json::parse(R"({"do":"edit","edits":[{"site":"blocks.5.attn.hook_z","select":{"head":[1]},"op":"zero"}]})"),
      {{"do", "analyse"}, {"analysis", "predictions"}, {"params", {{"k", 5}}}},
      {{"do", "compress"}, {"method", "prune"}, {"out", "small"}}};
  const auto state = fold(commands);
  ASSERT_TRUE(state.has_value());
  auto job = job_from_session(*state, "digits", {{"predictions", {{"k", 5}}}, {"head_stats", json::object(), false}}, 3);
  ASSERT_TRUE(job.has_value());
  EXPECT_EQ((*job)["models"], json::array({"demo:vit_digits"}));
  EXPECT_EQ((*job)["inputs"], json::array({{{"image", "d.png"}}}));
  const auto& steps = (*job)["steps"];
  ASSERT_EQ(steps.size(), 3u) << "what was asked for and is shown as well appears once";
  EXPECT_EQ(steps[0]["analyse"], "predictions");
  EXPECT_EQ(steps[0]["edits"], engine::edits_to_json(state->edits));
  EXPECT_EQ(steps[1]["compress"], "prune");
  EXPECT_EQ(steps[2]["analyse"], "head_stats");
  EXPECT_FALSE(steps[2].contains("edits")) << "asked for without the edits";
}

TEST(JobExport, NothingToRepeatIsSaid) {
  EXPECT_FALSE(job_from_session(SessionState{}, "", {}).has_value());
  SessionState opened;
  opened.model = "demo:lm_text";
  EXPECT_FALSE(job_from_session(opened, "", {}).has_value());
}

}  // namespace
}  // namespace vitrine::app
