#include "engine/batch/job.h"

#include <gtest/gtest.h>

#include "engine/batch/plan.h"

namespace vitrine::engine {
namespace {

using nlohmann::json;

Result<Job> read(const std::string& text) { return job_from_json(json::parse(text), "somewhere", "job"); }

TEST(Job, UnfoldsModelsTimesInputsTimesSteps) {
  auto job = read(R"({"models": ["a", {"model": "b", "edits": "head:1.0=zero"}], "inputs": [{"text": "x"}, {"text": "y"}],
      "steps": [{"analyse": "card"}, {"do": "analyse", "analysis": "head_stats", "id": "stats"},
                {"do": "assert", "check": "stats[0.0] > 0"}]})");
  ASSERT_TRUE(job) << job.error().message;
  ASSERT_EQ(job->sections.size(), 2u);
  EXPECT_TRUE(job->sections[0].steps[0].edits.empty());
  EXPECT_EQ(job->sections[1].steps[0].edits.size(), 1u);
  auto plan = plan_job(*job, [](const JobStep& step) -> Result<bool> { return step.name != "card"; });
  ASSERT_TRUE(plan);
  // Each model: the card once, then statistics and the assertion for each of two inputs.
  EXPECT_EQ(plan->items.size(), 2u * (1 + 2 * 2));
  EXPECT_EQ(plan->groups, 2 * 3);
  EXPECT_FALSE(plan->items[0].input);
  EXPECT_NE(plan->items[1].key(), plan->items[3].key());
}

TEST(Job, FoldsTheCommandsOfASession) {
  auto job = read(R"({"commands": [{"do": "open_model", "model": "a"}, {"do": "set_input", "text": "x"},
      {"do": "edit", "edits": "head:0.1=zero"}, {"do": "analyse", "analysis": "predictions"},
      {"do": "set_view", "panel": "heads", "settings": {}}, {"do": "clear_edits"},
      {"do": "analyse", "analysis": "predictions", "id": "plain"},
      {"do": "set_input", "text": "y"}, {"do": "analyse", "analysis": "rollout"}]})");
  ASSERT_TRUE(job) << job.error().message;
  ASSERT_EQ(job->sections.size(), 2u);
  ASSERT_EQ(job->sections[0].steps.size(), 2u);
  EXPECT_EQ(job->sections[0].steps[0].edits.size(), 1u);
  EXPECT_TRUE(job->sections[0].steps[1].edits.empty());
  EXPECT_EQ(job->sections[1].inputs[0].text, "y");
}

TEST(Job, KeepsResultsInsideItsFolder) {
  EXPECT_FALSE(read(R"({"models": ["a"], "steps": [{"analyse": "card"}], "out": "../elsewhere"})"));
  EXPECT_FALSE(read(R"({"models": ["a"], "steps": [{"analyse": "card"}], "out": "/etc"})"));
  EXPECT_FALSE(read(R"({"models": ["a"], "steps": [{"analyse": "card"}], "out": "a/../../b"})"));
  auto job = read(R"({"models": ["a"], "steps": [{"compress": "prune", "out": "/home/somebody/small"}]})");
  ASSERT_TRUE(job);
  EXPECT_EQ(job->sections[0].steps[0].id, "small");
  EXPECT_EQ(job->out, std::filesystem::path("somewhere/job.results"));
}

struct Row {
  const char* json;
  const char* message;
};

TEST(Job, RefusesWhatItDoesNotKnowInOneSentence) {
  const Row rows[] = {
      {R"([])", "expected an object, came array"},
      {R"({"models": ["a"]})", "expected 'steps', came none"},
      {R"({"models": ["a"], "steps": [], "x": 1})",
       "expected vitrine_job, name, seed, out, models, inputs, edits, steps, came 'x'"},
      {R"({"models": ["a"], "steps": []})", "steps: expected a list of 1 to 10000 steps"},
      {R"({"models": [3], "steps": [{"analyse": "a"}]})", "models[0]: expected an object, came number"},
      {R"({"models": ["a"], "steps": [{"do": "format_disk"}]})",
       "steps[0]: expected do: analyse, figure, compress or assert, came 'format_disk'"},
      {R"({"models": ["a"], "steps": [{"analyse": "a", "speed": 2}]})",
       "steps[0]: expected do, id, analysis, params, edits, edited, came 'speed'"},
      {R"({"models": ["a"], "steps": [{"analyse": "../../x"}]})",
       "steps[0]: expected a name of letters, digits, '_', '-' and '.', came '../../x'"},
      {R"({"models": ["a"], "steps": [{"figure": "a", "format": "exe"}]})",
       "steps[0]: expected format svg, pdf or png, came 'exe'"},
      {R"({"models": ["a"], "steps": [{"assert": "x >"}]})",
       "steps[0]: expected a number or the name of a result in the check 'x >', came the end (character 4)"},
      {R"({"models": ["a"], "inputs": [{"text": 3}], "steps": [{"analyse": "a"}]})",
       "inputs[0]: expected 'text' to be a string, came number"},
      {R"({"commands": [{"do": "analyse", "analysis": "a"}]})", "commands[0]: expected open_model before it"},
  };
  for (const Row& row : rows) {
    auto job = read(row.json);
    ASSERT_FALSE(job) << row.json;
    EXPECT_EQ(job.error().message, row.message);
  }
}

TEST(Plan, RefusesAStepThatNeedsAnInputTheJobHasNot) {
  auto job = read(R"({"models": ["a"], "steps": [{"analyse": "rollout"}]})");
  auto plan = plan_job(*job, [](const JobStep&) -> Result<bool> { return true; });
  ASSERT_FALSE(plan);
  EXPECT_EQ(plan.error().message, "expected an input for 'rollout', came none");
}

}  // namespace
}  // namespace vitrine::engine
