#include "app/session/job_export.h"

#include <gtest/gtest.h>

#include "engine/batch/job.h"

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
  auto job = job_from_session(*state, "digits", {{"predictions", {{"k", 5}}}, {"head_stats", json::object(), false}});
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

TEST(JobExport, IsAJobThatTheBatchRunnerReads) {
  const std::vector<Command> commands = {open_model_command("demo:lm_text"), {{"do", "set_input"}, {"text", "a"}},
                                         json::parse(R"({"do":"edit","edits":[{"site":"blocks.1.attn.hook_z","select":{"head":[1]},"op":"zero"}]})")};
  const auto state = fold(commands);
  ASSERT_TRUE(state.has_value());
  auto job = job_from_session(*state, "two heads", {{"attention", {{"head", 1}}}, {"attention", {{"head", 2}}}});
  ASSERT_TRUE(job.has_value());
  auto read = engine::job_from_json(*job, ".", "job");
  ASSERT_TRUE(read.has_value()) << engine::sentence(read.error());
  ASSERT_EQ(read->sections.size(), 1u);
  EXPECT_EQ(read->sections[0].model, "demo:lm_text");
  EXPECT_EQ(read->sections[0].inputs, std::vector<engine::InputItem>{state->input});
  ASSERT_EQ(read->sections[0].steps.size(), 2u);
  EXPECT_NE(read->sections[0].steps[0].id, read->sections[0].steps[1].id);
  EXPECT_EQ(read->sections[0].steps[1].edits, state->edits);
}

TEST(JobExport, NothingToRepeatIsSaid) {
  EXPECT_FALSE(job_from_session(SessionState{}, "", {}).has_value());
  SessionState opened;
  opened.model = "demo:lm_text";
  EXPECT_FALSE(job_from_session(opened, "", {}).has_value());
}

}  // namespace
}  // namespace vitrine::app
