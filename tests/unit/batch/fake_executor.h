#pragma once

#include <functional>
#include <map>
#include <string>
#include <utility>

#include "engine/batch/executor.h"

namespace vitrine::engine {

/// Numbers that depend on the item only, so that two runs of a job can be compared.
class FakeExecutor : public JobExecutor {
 public:
  std::function<void(const PlanItem&)> on_item;

  Result<ItemOutcome> run(const PlanItem& item, const std::filesystem::path&, const Progress&) override {
    if (on_item) on_item(item);
    if (item.step.name == "broken") return fail(ErrorCode::Unsupported, "expected attention, came none");
    if (item.step.name == "throws") throw std::runtime_error("boom");
    const double seed = static_cast<double>(std::hash<std::string>{}(item.key()) % 1000) / 1000;
    ItemOutcome outcome;
    outcome.primary = item.step.id + ".score";
    for (int layer = 0; layer < 3; ++layer)
      for (int head = 0; head < 4; ++head)
        outcome.metrics.push_back({outcome.primary, layer, head, {}, seed + layer + head / 10.0});
    outcome.metrics.push_back({item.step.id + ".accuracy", {}, {}, {}, 0.5});
    outcome.artefacts.push_back({item.step.id + ".json", "report", "{\"seed\":" + std::to_string(seed) + "}", ""});
    return outcome;
  }
};

inline Result<Job> test_job(const std::filesystem::path& folder, const nlohmann::json& steps, int inputs) {
  nlohmann::json list = nlohmann::json::array();
  for (int i = 0; i < inputs; ++i) list.push_back({{"text", "text " + std::to_string(i)}});
  return job_from_json({{"name", "test"}, {"models", {"a", "b"}}, {"inputs", list}, {"steps", steps}}, folder, "test");
}

inline Result<Plan> test_plan(const Job& job) {
  return plan_job(job, [](const JobStep& step) -> Result<bool> { return step.name != "card"; });
}

}  // namespace vitrine::engine
